"""Main memory: the most this process has held so far, and what it can still get."""

import pathlib

import psutil

try:
    import resource
except ImportError:  # there is none on Windows
    resource = None

OWN_STATUS = pathlib.Path("/proc/self/status")
OWN_CGROUP = pathlib.Path("/proc/self/cgroup")
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def peak_memory() -> int:
    """Measures the largest resident set size of this process so far, in bytes.

    Linux counts it for every program from its start; `getrusage`, which is asked where there is no /proc, also counts
    what the process held before it became this program. Windows calls it the peak working set.
    """
    peak = _read_fields(OWN_STATUS).get("VmHWM:")
    if peak is not None:
        return peak * 1024
    if resource is None:
        return psutil.Process().memory_info().peak_wset
    # macOS counts bytes, all others kilobytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if psutil.MACOS else 1024)


def available_memory() -> int:
    """Estimates how many bytes this process can still get without swapping.

    What the system has free or can free at once; on Linux no more than the control groups of its container leave.
    """
    return max(0, min([psutil.virtual_memory().available, *_left_in_cgroups()]))


def _left_in_cgroups() -> list[int]:
    """Bytes left under the limit of each control group this process is in, of versions 1 and 2; none elsewhere."""
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
    """Bytes left in a group and in those around it.

    A container may see the path its group has outside, where no such folder is inside; its own limit is at the root.
    """
    group = root / path.strip("/")
    left = []
    for folder in (group, *group.parents):
        if folder.is_relative_to(root) and (folder / limit).is_file() and (folder / used).is_file():
            most = (folder / limit).read_text(encoding="utf-8").strip()
            if most != "max":  # which is how version 2 says that there is no limit
                held = int((folder / used).read_text(encoding="utf-8"))
                # Files that were read or written and can be dropped count as used, but are to be had.
                left.append(int(most) - held + _read_fields(folder / "memory.stat").get(cache, 0))
    return left


def _read_fields(path: pathlib.Path) -> dict[str, int]:
    """The lines of a file of the kernel that begin with a name and a whole number; empty if it is not there."""
    if not path.is_file():
        return {}
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdecimal()}
