"""A seeded tenth of `python tests/mutate.py`, which damages 100,000 files."""
import mutate


def test_damaged_files_give_valid_tables_or_typed_errors():
    outcomes, wrong, _ = mutate.run_all(10_000)
    assert not wrong, wrong[:3]
    assert outcomes["tables"] > 1_000 and outcomes["typed error"] > 1_000
