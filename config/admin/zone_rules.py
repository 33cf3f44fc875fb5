"""The panel about the rules of time zones."""

from config import zone_rules
from config.backoffice import operators
from config.backoffice.links import Panel, PanelItem


def zone_rules_panels(_: str | None) -> list[Panel]:
    """The version of the rules and its age, and what to do if they need attention."""
    report = zone_rules.read_report(operators.now())
    release = zone_rules.release()
    age = f"released {release.released:%Y-%m-%d}, {report.age.days} days ago" if report.age is not None else ""
    version = PanelItem(f"tzdata {zone_rules.VERSION}", detail=age)
    is_fine = report.status == "ok"
    items = [version] if is_fine else [PanelItem(report.sentence), version]
    return [Panel("Time zone rules", items, "", on_customer_page=False, is_informational=is_fine)]
