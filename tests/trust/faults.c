/* Lets one operation on files below a folder fail, or ends the process there: what no patch in Python reaches.

   Loaded before the C library (LD_PRELOAD). It also finds no host and connects to none, where LOOK_UPS names a file
   to note them in. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[PATH_MAX];
static long at, count;
static int number, reads;
static char said[PATH_MAX + 32];

/* Below `start`, the operation `position`, from 1, fails with `error`, or kills the process if that is 0; `with_reads`:
   opening for reading counts too. */
void fault_arm(const char *start, long position, int error, int with_reads) {
    count = 0, at = position, number = error, reads = with_reads, said[0] = 0;
    snprintf(folder, sizeof folder, "%s", start);
}

long fault_disarm(void) {
    folder[0] = 0;
    return count;
}

const char *fault_said(void) { return said; }

static int strikes(const char *name, const char *path) {
    size_t length = strlen(folder);
    if (!length || !path || strncmp(path, folder, length) || (path[length] != '/' && path[length]))
        return 0;
    if (__atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST) != at)
        return 0;
    snprintf(said, sizeof said, "%s %s", name, path);
    if (!number)
        kill(getpid(), SIGKILL);
    errno = number;
    return 1;
}

static int strikes_at(const char *name, int directory, const char *path) {
    char place[PATH_MAX * 2], link[64];
    ssize_t length;
    if (!folder[0] || !path)
        return 0;
    if (path[0] == '/')
        return strikes(name, path);
    if (directory == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    if ((length = readlink(link, place, PATH_MAX - 1)) < 0)
        return 0;
    snprintf(place + length, sizeof place - length, "/%s", path);
    return strikes(name, place);
}

static int strikes_file(const char *name, int file) {
    char place[PATH_MAX], link[64];
    ssize_t length;
    if (!folder[0])
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if ((length = readlink(link, place, sizeof place - 1)) < 0)
        return 0;
    place[length] = 0;
    return strikes(name, place);
}

static int counts(int flags) { return reads || (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)); }

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) \
        real = dlsym(RTLD_NEXT, #name);

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, name, const char *, int, ...) \
        va_list list; \
        va_start(list, flags); \
        int mode = va_arg(list, int); \
        va_end(list); \
        return counts(flags) && strikes_at("open", AT_FDCWD, path) ? -1 : real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int directory, const char *path, int flags, ...) { \
        REAL(int, name, int, const char *, int, ...) \
        va_list list; \
        va_start(list, flags); \
        int mode = va_arg(list, int); \
        va_end(list); \
        return counts(flags) && strikes_at("open", directory, path) ? -1 : real(directory, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name) \
    FILE *name(const char *path, const char *mode) { \
        REAL(FILE *, name, const char *, const char *) \
        int writes = strpbrk(mode, "wa+") ? O_WRONLY : 0; \
        return counts(writes) && strikes_at("open", AT_FDCWD, path) ? NULL : real(path, mode); \
    }
FOPEN(fopen)
FOPEN(fopen64)

/* A full disk takes what still has room, and says so; the next write fails. */
static int is_full;

ssize_t write(int file, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t)
    if (strikes_file("write", file)) {
        if (number == ENOSPC && size > 1) {
            is_full = 1;
            return real(file, data, size / 2);
        }
        return -1;
    }
    if (is_full && folder[0]) {
        is_full = 0;
        errno = ENOSPC;
        return -1;
    }
    return real(file, data, size);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t place) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t)
    return strikes_file("write", file) ? -1 : real(file, data, size, place);
}

ssize_t writev(int file, const struct iovec *parts, int number_of_parts) {
    REAL(ssize_t, writev, int, const struct iovec *, int)
    return strikes_file("write", file) ? -1 : real(file, parts, number_of_parts);
}

size_t fwrite(const void *data, size_t size, size_t items, FILE *file) {
    REAL(size_t, fwrite, const void *, size_t, size_t, FILE *)
    return strikes_file("write", fileno(file)) ? 0 : real(data, size, items, file);
}

ssize_t sendfile64(int to, int from, off64_t *place, size_t size) {
    REAL(ssize_t, sendfile64, int, int, off64_t *, size_t)
    return strikes_file("write", to) ? -1 : real(to, from, place, size);
}

ssize_t sendfile(int to, int from, off_t *place, size_t size) {
    REAL(ssize_t, sendfile, int, int, off_t *, size_t)
    return strikes_file("write", to) ? -1 : real(to, from, place, size);
}

#define ON_FILE(name, label) \
    int name(int file) { \
        REAL(int, name, int) \
        return strikes_file(label, file) ? -1 : real(file); \
    }
ON_FILE(fsync, "fsync")
ON_FILE(fdatasync, "fsync")

#define CUT(name) \
    int name(int file, off64_t size) { \
        REAL(int, name, int, off64_t) \
        return strikes_file("truncate", file) ? -1 : real(file, size); \
    }
CUT(ftruncate)
CUT(ftruncate64)

#define CUT_PATH(name) \
    int name(const char *path, off64_t size) { \
        REAL(int, name, const char *, off64_t) \
        return strikes_at("truncate", AT_FDCWD, path) ? -1 : real(path, size); \
    }
CUT_PATH(truncate)
CUT_PATH(truncate64)

int rename(const char *path, const char *target) {
    REAL(int, rename, const char *, const char *)
    return strikes_at("rename", AT_FDCWD, path) ? -1 : real(path, target);
}

int renameat(int directory, const char *path, int other, const char *target) {
    REAL(int, renameat, int, const char *, int, const char *)
    return strikes_at("rename", directory, path) ? -1 : real(directory, path, other, target);
}

int unlink(const char *path) {
    REAL(int, unlink, const char *)
    return strikes_at("unlink", AT_FDCWD, path) ? -1 : real(path);
}

int unlinkat(int directory, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int)
    return strikes_at("unlink", directory, path) ? -1 : real(directory, path, flags);
}

int rmdir(const char *path) {
    REAL(int, rmdir, const char *)
    return strikes_at("rmdir", AT_FDCWD, path) ? -1 : real(path);
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t)
    return access(path, F_OK) && strikes_at("mkdir", AT_FDCWD, path) ? -1 : real(path, mode);
}

static int note(const char *what, const char *name) {
    const char *place = getenv("LOOK_UPS");
    FILE *file = place ? fopen(place, "a") : NULL;
    if (!file)
        return 0;
    fprintf(file, "native %s %s\n", what, name ? name : "?");
    fclose(file);
    return 1;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    REAL(int, getaddrinfo, const char *, const char *, const struct addrinfo *, struct addrinfo **)
    return note("getaddrinfo", node) ? EAI_FAIL : real(node, service, hints, found);
}

struct hostent *gethostbyname(const char *name) {
    REAL(struct hostent *, gethostbyname, const char *)
    return note("gethostbyname", name) ? NULL : real(name);
}

int connect(int file, const struct sockaddr *address, socklen_t length) {
    REAL(int, connect, int, const struct sockaddr *, socklen_t)
    if (address && address->sa_family != AF_UNIX && note("connect", "")) {
        errno = ENETUNREACH;
        return -1;
    }
    return real(file, address, length);
}
