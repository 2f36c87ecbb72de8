"""What can be done to the lines of a bundle's entries."""

from bench.bundles import OWN
from bench.tampering import Planted, Scene, planted, position_of


def changed_byte(scene: Scene) -> Planted:
    """One byte of an event is another."""
    lines = scene.lines
    at = scene.source.randrange(len(lines))
    line = bytearray(lines[at])
    place = scene.source.randrange(line.index(b'"event"') + 9, len(line) - 4)
    line[place] = scene.source.choice([byte for byte in b"abcxyz0189" if byte != line[place]])
    scene.put([*lines[:at], bytes(line), *lines[at + 1 :]])
    return planted("entry_changed", file="entries.jsonl", lines=(at + 1,))


def deleted(scene: Scene) -> Planted:
    """An entry in the midst is left out."""
    lines = scene.lines
    at = scene.source.randrange(len(lines) - 1)
    scene.put(lines[:at] + lines[at + 1 :])
    if scene.customer:
        return planted("customer_event_dropped", file="entries.jsonl", lines=(at + 1,))
    return planted("entry_deleted", "tail_truncated", file="entries.jsonl", lines=(at + 1,))


def inserted(scene: Scene) -> Planted:
    """An entry stands there once more, or one that was made up stands before the true one."""
    lines = scene.lines
    at = scene.source.randrange(len(lines))
    line = lines[at]
    if scene.source.random() < 1 / 2:
        line = line.replace(b'"actor":"', b'"actor":"x')
    scene.put([*lines[:at], line, *lines[at:]])
    return planted("entry_inserted", file="entries.jsonl", lines=(at + 2,))


def swapped(scene: Scene) -> Planted:
    """Two entries stand in each other's place."""
    lines = scene.lines
    one, other = sorted(scene.source.sample(range(len(lines)), 2))
    lines[one], lines[other] = lines[other], lines[one]
    scene.put(lines)
    return planted("entries_swapped", file="entries.jsonl", lines=(one + 1, other + 1))


def truncated_entry(scene: Scene) -> Planted:
    """An entry is cut off."""
    lines = scene.lines
    at = scene.source.randrange(len(lines))
    lines[at] = lines[at][: scene.source.randrange(1, len(lines[at]) * 3 // 4)] + scene.source.choice([b"\n", b"\r\n"])
    scene.put(lines)
    return planted("entry_truncated", file="entries.jsonl", lines=(at + 1,))


def truncated_tail(scene: Scene) -> Planted:
    """The last entries are left out."""
    lines = scene.lines
    kept = scene.source.randrange(len(lines))
    scene.put(lines[:kept])
    if scene.customer:
        return planted("entries_miscounted", file="entries.jsonl")
    return planted("tail_truncated", file="entries.jsonl", lines=(kept,))


def dropped_customer_event(scene: Scene) -> Planted:
    """An event of the one customer is left out, and the manifest counts on."""
    lines = scene.lines
    at = scene.source.randrange(len(lines) - 1)
    scene.put(lines[:at] + lines[at + 1 :], counted=True)
    return planted("customer_event_dropped", file="entries.jsonl", lines=(at + 1,))


def foreign_entry(scene: Scene) -> Planted:
    """Another customer's event stands among those of the one."""
    lines = scene.lines
    positions = [position_of(line) for line in lines]
    others = [entry for entry, told in zip(scene.log.entries, scene.log.told, strict=True) if told.topic not in OWN]
    line = scene.source.choice([entry for entry in others if position_of(entry) not in positions]) + b"\n"
    lines = sorted([*lines, line], key=position_of)
    scene.put(lines, counted=True)
    return planted("entry_foreign", file="entries.jsonl", lines=(lines.index(line) + 1,))
