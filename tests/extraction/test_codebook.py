"""Codebooks: complete, consistent with the evidence, and printed in words."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

import extraction
from extraction.codebook import (
    MAX_COUNT,
    SCHEMA_NAMES,
    Column,
    SheetSchema,
    codebook_markdown,
    extend_schema,
    find_schema,
)
from extraction.errors import SheetError

EVIDENCE = Path(extraction.__file__).parent / "evidence"
EVIDENCE_SHEETS = tuple(name for name in SCHEMA_NAMES if name != "generic")


def rule_columns(schema: SheetSchema) -> set[str]:
    """Every column that a rule of the schema reads."""
    used = {name for group in (*schema.pairs, *schema.intervals) for name in group} | {
        *schema.key,
        *schema.quotes,
    }
    used |= {name for whole, parts in schema.sums for name in (whole, *parts)}
    used |= {name for claim in schema.percents for name in (claim.percent, claim.events, claim.n)}
    used |= {claim.unless[0] for claim in schema.percents if claim.unless}
    used |= {name for claim in schema.rates for name in (claim.rate, claim.events, claim.time)}
    used |= {name for needed in schema.required_when for name in (needed.column, *dict(needed.when))}
    if schema.cohort is not None:
        used |= {schema.cohort.study, schema.cohort.part, schema.cohort.events, schema.cohort.n}
    if schema.overlap is not None:
        overlap = schema.overlap
        used |= {overlap.label, overlap.arm, overlap.lists, overlap.group, overlap.followup, overlap.n} - {
            None
        }
    return used


@pytest.mark.parametrize("name", EVIDENCE_SHEETS)
def test_the_columns_are_those_of_the_evidence_in_its_order(name: str) -> None:
    with open(EVIDENCE / f"{name}.csv", newline="", encoding="utf-8") as stream:
        assert find_schema(name).names == tuple(next(csv.reader(stream)))


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_every_column_has_words_and_every_rule_reads_columns_that_exist(name: str) -> None:
    schema = find_schema(name)
    assert schema.name == name
    assert schema.title
    assert len(set(schema.names)) == len(schema.names)
    for column in schema.columns:
        assert len(column.meaning) > 3, column.name
        assert bool(column.allowed) == (column.kind == "category"), column.name
        assert len(set(column.values)) == len(column.values), column.name
    assert rule_columns(schema) <= set(schema.names)


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_values_named_by_rules_are_allowed_values(name: str) -> None:
    schema = find_schema(name)
    named = [pair for needed in schema.required_when for pair in needed.when]
    named += [claim.unless for claim in schema.percents if claim.unless]
    if schema.cohort is not None:
        named += [(schema.cohort.part, value) for value in (schema.cohort.whole, *schema.cohort.parts)]
    for column_name, value in named:
        column = schema.find(column_name)
        assert column is not None
        assert value in column.values


def test_an_unknown_schema_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(SheetError, match=r"no sheet schema .trs_incidents.; did you mean .trs_incidence.\?"):
        find_schema("trs_incidents")


def test_types_and_pairs_extend_an_open_schema_only() -> None:
    generic = find_schema("generic")
    assert extend_schema(generic) is generic
    longer = extend_schema(generic, {"dose": "number", "n": "number"}, [("cases", "total")])
    assert [
        longer.find(name) is not None and longer.find(name).kind for name in ("dose", "n", "cases", "total")
    ] == ["number", "number", "count", "count"]
    assert longer.find("n").meaning == generic.find("n").meaning
    assert longer.pairs == (*generic.pairs, ("cases", "total"))
    assert set(generic.names) < set(longer.names)
    with pytest.raises(SheetError, match="'trs_incidence' is closed"):
        extend_schema(find_schema("trs_incidence"), {"dose": "number"})
    with pytest.raises(SheetError, match=r"type of column .dose. must be one of .*; got .integer."):
        extend_schema(generic, {"dose": "integer"})


def test_bounds_come_from_the_kind_unless_the_column_gives_them() -> None:
    assert Column("n", "count", "People").bounds == (0, MAX_COUNT)
    assert Column("n", "count", "People", low=1).bounds == (1, MAX_COUNT)
    assert Column("p", "percent", "Share", high=50).bounds == (0, 50)
    assert Column("x", "number", "Mean").bounds == (None, None)


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_the_markdown_has_a_row_a_column_and_the_values_of_each_category(name: str) -> None:
    schema = find_schema(name)
    text = codebook_markdown(schema)
    lines = text.splitlines()
    for column in schema.columns:
        row = next(line for line in lines if line.startswith(f"| `{column.name}` |"))
        assert row.count("|") - row.count("\\|") == 7
        assert column.meaning.replace("|", "\\|") in row
        assert (" yes |" in row) == column.required
        for value in column.values:
            assert any(line.startswith(f"- `{value}`") for line in lines), value
    for events, n in schema.pairs:
        assert f"- `{events}` must not exceed `{n}`" in lines
    assert text.endswith("\n")


def test_the_markdown_states_ranges_units_and_rules() -> None:
    text = codebook_markdown(find_schema("td_incidence"))
    assert "| `pct_reported` | percent | percent | from 0 to 100 |  | Risk or prevalence as printed |" in text
    assert "| `n` | count | people | from 1 |" in text
    assert "| `person_years` | number | person-years | above 0 |" in text
    assert (
        "- `pct_reported` agrees with `td_cases` of `n`, except where `measure_type` is `risk` (warning)"
        in text
    )
    assert "- `person_years` is required where `measure_type` is `rate` and `usable` is `yes`" in text
    barred = replace(find_schema("generic"), columns=(Column("a", "text", "this | that"),))
    assert "this \\| that" in codebook_markdown(barred)
