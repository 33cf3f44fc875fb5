"""The panel about the rules of time zones."""

from config import zone_rules
from config.backoffice import operators
from config.backoffice.links import Panel, PanelItem


def zone_rules_panels(_: str | None) -> list[Panel]:
    """The version of the rules and its age, and what to do if they need attention."""
    report = zone_rules.read_report(operators.now())
    release = zone_rules.release()
    version = f"tzdata {zone_rules.VERSION}"
    age = f"released {release.released}, {report.age.days} days ago" if report.age is not None else "not the locked one"
    is_fine = report.status == "ok"
    item = PanelItem(version, detail=age) if is_fine else PanelItem(report.sentence, detail=f"{version}, {age}")
    return [Panel("Time zone rules", [item], "", is_informational=is_fine)]
