"""Results of the benchmark in plain text, for example to paste into a question."""

from faceswap_lib.diagnostics.benchmark import BenchmarkReport


def to_text(report: BenchmarkReport) -> str:
    """Formats a benchmark's report: one line per fact, then a table of the training steps."""
    machine = dict(report.machine)
    devices, duplicates = machine.pop("devices", []), machine.pop("duplicates", {})
    machine.pop("is_cpu", None)
    lines = [f"{name.replace('_', ' ') + ':':20}{'-' if value is None else value}" for name, value in machine.items()]
    for device in devices:
        capability = ".".join(map(str, device["compute_capability"] or ())) or "-"
        memory = f"{device['memory'] / 1e9:.0f} GB" if device["memory"] else "-"
        facts = f"{device['description'] or '-'}, capability {capability}, memory {memory}"
        lines.append(f"{'device:':20}{device['name']} ({facts})")
    twice = ", ".join(f"{name} {' and '.join(versions)}" for name, versions in duplicates.items())
    lines += [f"{'installed twice:':20}{twice or 'nothing'}", "", *_step_rows(report), ""]
    for name, value, unit in (
        ("extraction", report.extraction_fps, "frames/s"),
        ("conversion", report.conversion_fps, "frames/s"),
        ("checkpoint", report.checkpoint_seconds, f"s to write {report.checkpoint_mb or 0:.0f} MB"),
    ):
        lines.append(f"{name + ':':20}{'-' if value is None else f'{value:.3g} {unit}'}")
    lines += [f"{'not measured:':20}{name}: {reason}" for name, reason in report.failed.items()]
    return "\n".join([*lines, f"{'total:':20}{report.seconds:.0f} s"])


def _step_rows(report: BenchmarkReport) -> list[str]:
    """Formats the table of the training steps, one line per row."""
    titles = ("training step", "XLA", "precision", "compile s", "ms", "memory MB", "device MB")
    rows: list[tuple[str, ...]] = [titles]
    for timing in report.steps:
        (name, milliseconds), *_ = timing.milliseconds.items()
        device = "-" if timing.peak_device_memory is None else f"{timing.peak_device_memory / 1e6:.0f}"
        rows.append(
            (
                f"{timing.preset}, {timing.batch_size} faces each",
                "on" if timing.xla else "off",
                timing.precision,
                f"{timing.compile_seconds[name]:.1f}",
                f"{milliseconds:.1f}",
                f"{timing.peak_memory / 1e6:.0f}",
                device,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
