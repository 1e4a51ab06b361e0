"""The table of what was read, refused and found, at the end of a test run; also where several processes test."""

KEY = "trust"


def pytest_terminal_summary(terminalreporter) -> None:
    """Prints a line per reader; see `test_corpus`."""
    rows = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for key, value in report.user_properties
        if key == KEY
    ]
    if not rows:
        return
    terminalreporter.section("hostile files")
    heads = ("reader", "hostile", "random", "refused", "read", "ended the process", "findings", "seconds")
    terminalreporter.write_line("  ".join(head.rjust(14 if head == "reader" else max(8, len(head))) for head in heads))
    for row in sorted(rows):
        cells = (
            str(cell).rjust(14 if head == "reader" else max(8, len(head)))
            for head, cell in zip(heads, row, strict=True)
        )
        terminalreporter.write_line("  ".join(cells))
    sums = [sum(row[column] for row in rows) for column in (1, 2, 6, 7)]
    terminalreporter.write_line("{:,} hostile files, {:,} random ones, {} findings, {:.0f} seconds".format(*sums))
