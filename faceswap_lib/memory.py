"""Main memory: the peak use of this process so far, and the amount that is still available to it."""

import pathlib

import psutil

try:
    import resource
except ImportError:  # Windows
    resource = None

OWN_STATUS = pathlib.Path("/proc/self/status")
OWN_CGROUP = pathlib.Path("/proc/self/cgroup")
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def peak_memory() -> int:
    """Measures the largest resident set size of this process so far, in bytes.

    On Linux the value in /proc is counted from the start of the program. `getrusage`, which is used if there is no
    /proc, also counts memory that the process had before it executed this program. Windows calls the value the peak
    working set.
    """
    peak = _read_fields(OWN_STATUS).get("VmHWM:")
    if peak is not None:
        return peak * 1024
    if resource is None:
        return psutil.Process().memory_info().peak_wset  # pyright: ignore[reportAttributeAccessIssue]  # Windows only
    # macOS reports bytes, all other systems kilobytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if psutil.MACOS else 1024)


def available_memory() -> int:
    """Estimates how many bytes this process can still allocate without swapping.

    This is the memory that the system has free or can free at once. On Linux it is at most what the control groups of
    the container allow.
    """
    return max(0, min([psutil.virtual_memory().available, *_left_in_cgroups()]))


def _left_in_cgroups() -> list[int]:
    """Lists the bytes left in each control group (version 1 or 2) of this process; empty on systems without them."""
    if not OWN_CGROUP.is_file():
        return []
    left = []
    for line in OWN_CGROUP.read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            left += _left_below(CGROUPS, path, limit="memory.max", used="memory.current", cache="inactive_file")
        elif "memory" in controllers.split(","):
            names = {"limit": "memory.limit_in_bytes", "used": "memory.usage_in_bytes", "cache": "total_inactive_file"}
            left += _left_below(CGROUPS / "memory", path, **names)
    return left


def _left_below(root: pathlib.Path, path: str, *, limit: str, used: str, cache: str) -> list[int]:
    """Lists the bytes left in a control group and in its parents.

    In a container the path of the group may be the path outside of the container, which does not exist inside. The
    limit of the container is then at the root.
    """
    group = root / path.strip("/")
    left = []
    for folder in (group, *group.parents):
        if folder.is_relative_to(root) and (folder / limit).is_file() and (folder / used).is_file():
            most = (folder / limit).read_text(encoding="utf-8").strip()
            if most != "max":  # "max" means no limit in version 2
                held = int((folder / used).read_text(encoding="utf-8"))
                # The page cache counts as used, but can be freed.
                left.append(int(most) - held + _read_fields(folder / "memory.stat").get(cache, 0))
    return left


def _read_fields(path: pathlib.Path) -> dict[str, int]:
    """Reads the lines "name number" of a kernel file into a dict; empty if the file does not exist."""
    if not path.is_file():
        return {}
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdecimal()}
