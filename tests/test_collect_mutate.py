"""A seeded share of `python tests/mutate.py`, which damages 100,000 files."""
import mutate
import pytest


@pytest.mark.parametrize("n", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_files_give_valid_tables_or_typed_errors(n):
    outcomes, wrong, _ = mutate.run_all(n)
    assert not wrong, wrong[:3]
    assert outcomes["tables"] > n / 10 and outcomes["typed error"] > n / 10
