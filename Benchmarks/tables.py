"""The table: a line for each figure, a column for each server, ratios, and what must be reached."""

import statistics


def number(value):
    """Three significant digits, or as many as there are before the point."""
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


class Table:
    def __init__(self, servers):
        self.servers = servers
        self.rows = []
        # All that was measured, by the title of its row: with several rounds the median counts.
        self.measured = {server: {} for server in servers}
        self.held = self.related = self.barred = 0

    def add(self, work, server, outcomes):
        """Takes the figures of a work's rows out of what the generator printed."""
        for row in work.rows:
            if row not in self.rows:
                self.rows.append(row)
            found = [outcome for outcome in outcomes if row.outcome in (None, outcome["work"])]
            value = found[0] if found else None
            for key in row.figure:
                value = value.get(key) if value is not None else None
            if value is not None:
                self.measured[server].setdefault(row.title, []).append(value * row.scale)

    def _figures(self, server):
        return {title: statistics.median(values) for title, values in self.measured[server].items()}

    def _bar(self, row):
        return row.bar(self._figures("swallowtail")) if callable(row.bar) else row.bar

    def _line(self, row):
        values = {server: self._figures(server).get(row.title) for server in self.servers}
        mine = values.get("swallowtail")
        peers = [value for server, value in values.items() if server in ("prosody", "ejabberd", "nginx") and value]
        best = min(peers, default=None)
        floor = values.get("floor")
        cells = [row.title, row.unit, *(number(values[server]) for server in self.servers)]
        if len(self.servers) > 1:
            cells.append(f"{mine / best:.2f}" if mine and best else "")
            cells.append(f"{mine / floor:.1f}" if mine and floor else "")
        bar = self._bar(row) if "swallowtail" in self.servers else None
        cells.append(f"≤ {number(bar)}" if bar else "")
        verdict = ""
        if bar and mine is not None:
            verdict = self._verdict(row, bar, mine, best, floor)
            self.barred += 1
            self.held += verdict != "no"
            self.related += verdict.startswith("to")
        cells.append(verdict)
        return cells

    @staticmethod
    def _verdict(row, bar, mine, best, floor):
        """Whether the bar holds as it is, in relation to the best peer or the floor, or not at all."""
        if mine <= bar or (row.or_best_peer_times and best and mine <= best * row.or_best_peer_times):
            return "yes"
        is_held = {
            "peers": best and row.peer_then and mine / best <= bar / row.peer_then,
            "floor": floor and row.floor_then and mine / floor <= bar / row.floor_then,
        }
        related = [name for name, holds in is_held.items() if holds]
        return "to " + ", ".join(related) if related else "no"

    def text(self):
        header = ["", "", *self.servers]
        if len(self.servers) > 1:
            header += ["to best peer", "to floor"]
        header += ["must reach", "holds"]
        lines = [header, *(self._line(row) for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
        text = []
        for line in lines:
            cells = [cell.ljust(width) if column < 2 else cell.rjust(width)
                     for column, (cell, width) in enumerate(zip(line, widths))]  # fmt: skip
            text.append("  ".join(cells).rstrip())
        return "\n".join([*text, "", f"{self.held} of {self.barred} hold, {self.related} of them in relation"])
