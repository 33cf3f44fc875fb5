"""The rows of all tables: copied as by a backup, restored from it, and searched."""

from collections.abc import Collection, Iterator
from typing import Any

import orjson

from config import dynamodb
from config.dynamodb import key_checks

Row = dict[str, Any]
Tables = dict[str, list[Row]]


def read_tables() -> Tables:
    """All rows of all tables, as a backup has them."""
    record_classes = dynamodb.record_classes()
    assert key_checks.DataKeyCheck in record_classes, "also those that few modules import"
    return {record.table_name(): [row for rows in _iter_pages(record) for row in rows] for record in record_classes}


def restore_tables(backup: Tables) -> None:
    """Give every table exactly these rows."""
    present_tables = read_tables()
    for record in dynamodb.record_classes():
        names = [attribute.attr_name for attribute in record.key_attributes()]
        table = record.table_name()
        present, restored = (
            {str([row[name] for name in names]): row for row in tables[table]} for tables in (present_tables, backup)
        )
        for key in present.keys() - restored.keys():
            dynamodb.call("DeleteItem", TableName=table, Key={name: present[key][name] for name in names})
        for key, row in restored.items():
            if present.get(key) != row:
                dynamodb.call("PutItem", TableName=table, Item=row)


def find_rows(texts: Collection[str]) -> list[str]:
    """The rows that contain one of these ASCII texts, each with the name of its table."""
    searched = [text.encode() for text in texts]

    def contains_text(value: Any) -> bool:
        dumped = orjson.dumps(value, default=str)
        return any(text in dumped for text in searched)

    return [
        f"{record.table_name()}: {row}"
        for record in dynamodb.record_classes()
        for rows in _iter_pages(record)
        if contains_text(rows)  # most pages have none
        for row in rows
        if contains_text(row)
    ]


def _iter_pages(record: type[dynamodb.Record]) -> Iterator[list[Row]]:
    return dynamodb.iter_pages("Scan", TableName=record.table_name(), ConsistentRead=True)
