"""What the practices of the journeys charge, so that expected amounts do not move with the demo."""

from __future__ import annotations

from praxis_local.demo.practices import Item

ITEMS = (
    Item("Clinic visit", "G0463", "118.00", "visits", "human", "hcpcs"),
    Item("Wellness visit", "G0439", "172.00", "visits", "human", "hcpcs"),
    Item("Electrocardiogram", "G0403", "42.00", "diagnostics", "human", "hcpcs"),
    Item("Blood in stool", "G0328", "9.50", "lab", "human", "hcpcs"),
    Item("Drawing of venous blood", "G0471", "12.00", "lab", "human", "hcpcs"),
    Item("Wellness examination", "EXAM", "68.00", "visits", "animal", tax_class="service"),
    Item("Flea tablets", "PROD-FLEA", "58.50", "products", "animal", kind="product", tax_class="goods"),
)


def items_for(kind: str) -> tuple[Item, ...]:
    """Return what a practice for people, for animals or for both charges."""
    return tuple(item for item in ITEMS if kind in ("mixed", item.sector))
