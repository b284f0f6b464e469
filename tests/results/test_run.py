"""The tables of a folder are asked for by name; what is not there is named, with the remedy."""

import pandas as pd
import pytest

from workbench.core.errors import InputError
from workbench.results import Tables


@pytest.fixture
def tables(tmp_path):
    for name in ("curve", "predictors"):
        columns = {"pair": ["a-c", "b-c"]} | dict.fromkeys("scope measure rho low high p n note".split(), 1)
        pd.DataFrame(columns).to_parquet(tmp_path / f"{name}.parquet")
    return Tables(tmp_path)


@pytest.mark.parametrize("read", [lambda tables: tables["sweep"], lambda tables: tables.read("sweep")])
def test_a_missing_table_is_one_sentence_with_folder_table_and_remedy(tables, read):
    with pytest.raises(InputError) as caught:
        read(tables)
    assert isinstance(caught.value, KeyError)
    assert str(caught.value) == (
        f"{tables.folder} holds no table 'sweep' (it has curve, predictors): if the run was stopped before "
        "its end, the same command resumes it"
    )


def test_a_missing_table_is_missing_as_in_any_mapping(tables):
    assert "sweep" not in tables and tables.get("sweep") is None and tables.get("sweep", 0) == 0
    assert list(tables) == ["curve", "predictors"] and len(tables) == 2


def test_the_tables_of_one_pair_hold_its_rows(tables):
    of_pair = Tables(tables.folder, pair="b-c")
    assert of_pair["curve"].pair.tolist() == of_pair.read("predictors").pair.tolist() == ["b-c"]
