"""Tables that spreadsheets and hands have changed are understood or refused, never misread."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from skfrap.cli import cli
from skfrap.replicates import compare_groups, compare_methods, summarise_replicates
from skfrap.results._reading import read_table
from skfrap.results._tables import CSVTable

D = np.array([2.01, 2.22, 1.85])
FILES = ["a/1.tif", "a/2.tif", "a/3.tif"]


def table(**others):
    columns = {"file": FILES, "D_um2_s": D, "D_um2_s_lower": D - 0.06, "D_um2_s_upper": D + 0.07}
    return pd.DataFrame(columns | others)


EXPECTED = summarise_replicates(table())


def replicates(*arguments):
    return CliRunner().invoke(cli, ["replicates", *map(str, arguments)])


def as_semicolons(text):
    return text.replace(",", ";").replace(".", ",").replace(",tif", ".tif")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace(",", "\t").encode("utf-16"),
        lambda text: text.replace(",", "\t").encode("utf-16-le"),
        lambda text: as_semicolons(text).encode(),
        lambda text: b"sep=;\r\n" + as_semicolons(text).encode("cp1252"),
        lambda text: as_semicolons(text).replace(";", "\t").encode(),
        lambda text: text.replace(",", ";").encode(),
        lambda text: ('"' + text.replace(",", '","').replace("\n", '"\n"'))[:-1].encode(),
        lambda text: (
            '"' + as_semicolons(text).replace(";", '";"').replace("\n", '"\n"')[:-1]
        ).encode(),
        lambda text: text.replace("\n", ",,\n").encode(),
        lambda text: ("\n" + text + "\n\n").encode(),
    ],
    ids=[
        "as written",
        "byte order mark",
        "line ends of Windows",
        "UTF-16 and tabs",
        "UTF-16 without a mark",
        "semicolons and decimal commas",
        "line that says the separator",
        "tabs and decimal commas",
        "semicolons and decimal points",
        "quotes",
        "quotes, semicolons and decimal commas",
        "empty columns",
        "empty lines",
    ],
)
def test_table_of_a_spreadsheet_says_the_same(tmp_path, spoil):
    path = tmp_path / "results.csv"
    text = table(poorly_determined=["False"] * 3, size=[1, 20, 300]).to_csv(index=False)
    path.write_bytes(spoil(text))
    rows = read_table(path)
    np.testing.assert_array_equal(rows["D_um2_s"], D)
    np.testing.assert_array_equal(rows["size"], [1, 20, 300])
    assert rows["file"].tolist() == FILES
    assert summarise_replicates(rows).mean == EXPECTED.mean


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\3\4\0\0", "a workbook of a spreadsheet; save it as CSV"),
        (b"II*\0\0\0", "a TIFF image"),
        (b"", "is empty"),
        (b"a,b;c\n1,2;3\n", "has commas and semicolons"),
        (b"D_um2_s,D_um2_s\n1,2\n", "'D_um2_s' twice"),
        (b"D_um2_s,,c\n1,2,3\n", "a column without a name"),
        (b"file,D_um2_s\na.tif,2,01\n", "line 2 of .* has 3 cells and the head 2"),
        (b"file;D_um2_s;c0\na;2,01;0.7\n", "2,01 in 'D_um2_s'"),
        (b'file,D_um2_s\na,"1,234"\n', "separates thousands"),
        (b'file,D_um2_s\na,"1', "damaged at line 2"),
        (b"\xff\xfefil", "damaged, or no table"),
        (b"file,D\0\0\0\n", "no text"),
    ],
)
def test_what_is_no_table_or_can_be_read_in_two_ways_is_refused(tmp_path, content, message):
    path = tmp_path / "results.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_table(path)
    result = replicates(path)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")


def test_missing_cells_are_those_of_spreadsheets(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("D_um2_s\n2.0\n#N/A\n\n#DIV/0!\nNaN\n3.0\n")
    np.testing.assert_array_equal(read_table(path)["D_um2_s"], [2, np.nan, np.nan, np.nan, 3])


def test_number_that_became_a_date_is_refused(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("D_um2_s\n02. Jan\n2.22\n")
    assert "got '02. Jan' in row 0" in replicates(path).output


def test_written_tables_are_read_as_they_were(tmp_path):
    path = tmp_path / "results.csv"
    row = {"file": "x", "series": "=1+1", "D_um2_s": -1e-7, "flags": 'a; "b", c', "ok": True}
    path.write_text(CSVTable([row, {"file": "y", "n": 3}]).to_text())
    found = read_table(path)
    assert found["series"].tolist() == ["=1+1", ""]
    assert found["flags"][0] == row["flags"]
    assert found["D_um2_s"][0] == -1e-7
    assert found["ok"].tolist() == ["True", ""]
    assert pd.read_csv(path).series[0] == "'=1+1"


def test_level_of_a_table_is_its_own():
    rng = np.random.default_rng(0)
    half = rng.uniform(0.05, 0.1, 3)

    def sized(factor, **others):
        return table(D_um2_s_lower=D - factor * half, D_um2_s_upper=D + factor * half, **others)

    expected = summarise_replicates(sized(1.959964))
    for level, factor in ((0.6826895, 1.0), (0.9, 1.644854)):
        # On a logarithmic scale a wide interval is not quite a narrow one made wider.
        for found in (
            summarise_replicates(sized(factor, level=level)),
            summarise_replicates(sized(factor), table_level=level),
        ):
            np.testing.assert_allclose(found.errors[0], expected.errors[0], rtol=0.02)
            np.testing.assert_allclose(found.mean, expected.mean, rtol=0.01)
    mixed = sized(np.array([1.0, 1.644854, 1.959964]), level=[0.6826895, 0.9, 0.95])
    np.testing.assert_allclose(summarise_replicates(mixed).errors[0], expected.errors[0], rtol=0.02)
    with pytest.raises(ValueError, match=r"table_level is 0\.5, and the table says 0\.68"):
        summarise_replicates(sized(1.0, level=0.68), table_level=0.5)
    with pytest.raises(ValueError, match="'level' must lie between 0 and 1, got 68"):
        summarise_replicates(sized(1.0, level=68))


def test_estimates_say_their_level_in_tables():
    assert EXPECTED.to_frame().level.tolist() == [0.95]
    result = summarise_replicates(table(), level=0.5).to_frame()
    assert (result.level[0], result["scale"][0]) == (0.5, "log10")


def test_rows_that_are_there_twice_count_once():
    twice = pd.concat([table(), table()])
    for one in (twice, twice.drop(columns="file").assign(D_um2_s=np.tile(D * np.pi / 3, 2))):
        found = summarise_replicates(one.assign(D_um2_s_lower=1.0, D_um2_s_upper=3.0))
        assert (found.n[0], found.n_left_out[0]) == (3, 3)
        assert found.reasons == (("duplicate",) * 3,)
        assert "3 left out (3 duplicate)" in found.summary()[0]
    # Round numbers without names are equal by chance.
    assert summarise_replicates({"D_um2_s": [2.0, 2.0, 3.0]}).n[0] == 3
    other = pd.concat([table(), table(D_um2_s=1.01 * D)])
    with pytest.raises(ValueError, match=r"rows 0 and 3 .* a/1.tif, with different values"):
        summarise_replicates(other)
    models = pd.concat([table(model="diffusion"), table(model="binding", D_um2_s=1.01 * D)])
    with pytest.raises(ValueError, match="by the models diffusion and binding"):
        summarise_replicates(models)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("TRUE", "FALSE"),
        ("WAHR", "FALSCH"),
        ("VRAI", "FAUX"),
        ("VERDADERO", "FALSO"),
        ("ONWAAR"[2:], "ONWAAR"),
        ("ИСТИНА", "ЛОЖЬ"),
        ("1", "0"),
        ("1,0", "0,0"),
        (True, False),
        (1.0, 0.0),
    ],
)
def test_truth_is_understood_in_the_words_of_spreadsheets(true, false):
    found = summarise_replicates(table(poorly_determined=[false, true, false]))
    assert (found.n[0], found.reasons) == (2, (("poorly determined",),))
    found = summarise_replicates(table(converged=[false, true, true]))
    assert (found.n[0], found.reasons) == (2, (("not converged",),))


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match=r"must hold TRUE or FALSE, got 'maybe' in row 1"):
        summarise_replicates(table(poorly_determined=["False", "maybe", "False"]))
    found = summarise_replicates(table(poorly_determined=["False", None, "False"]))
    assert found.reasons == (("no word on whether poorly determined",),)
    with pytest.raises(ValueError, match="'findings' holds 'out_of_luck'"):
        summarise_replicates(table(findings=["", "out_of_luck", ""]))


def test_exchanged_ends_and_flagged_rows_are_left_out_and_counted():
    ends = table()
    ends.loc[0, ["D_um2_s_lower", "D_um2_s_upper"]] = [2.07, 1.95]
    ends.loc[1, ["D_um2_s_lower", "D_um2_s_upper"]] = [22.0, 23.0]
    found = summarise_replicates(ends)
    assert found.n[0] == 1
    assert found.reasons == (("ends of the interval exchanged", "value outside its interval"),)
    assert (found.errors[0] > 0).all()
    flagged = summarise_replicates(table(flags=[None, "residuals are correlated", ""]))
    assert flagged.reasons == (("flagged",),)
    notes = table(
        flags=[None, "c0 is undetermined", ""], findings=["", "amount_undetermined:c0", ""]
    )
    assert summarise_replicates(notes).n[0] == 3
    compared = compare_groups(table(flags=["", "x", ""]), ["a", "a", "b"])
    assert compared.n_left_out.tolist() == [1]
    assert compared.reasons == (("flagged",),)


def test_masked_and_missing_values_are_left_out():
    values, errors = [2.0, 2.2, 1.9, 1e9], [0.1, 0.1, 0.1, 0.1]
    masked = np.ma.masked_greater(values, 100)
    expected = summarise_replicates(values[:3], errors[:3])
    for given, more in (
        (masked, errors),
        ([*values[:3], None], errors),
        (pd.array([*values[:3], None], dtype="Float64"), errors),
        (values, np.ma.masked_array(errors, [0, 0, 0, 1])),
    ):
        found = summarise_replicates(given, more)
        assert found.mean == expected.mean
        assert found.reasons == (("no value",),)
    assert compare_methods({"a": masked, "b": values}).n_first.tolist() == [3]
    columns = {"D_um2_s": np.ma.masked_array(D, [0, 0, 1])}
    assert summarise_replicates(columns).n[0] == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: summarise_replicates(["2,01", "2.22"]), "got '2,01' in row 0 .* decimal point"),
        (lambda: summarise_replicates({"D_um2_s": ["two"]}), "'D_um2_s' must hold numbers, got"),
        (lambda: summarise_replicates({"D_um2_s": D, "file": ["a"]}), "must have one length"),
        (lambda: summarise_replicates([[1.0], [1.0, 2.0]]), "numbers of one shape"),
        (lambda: summarise_replicates([1j, 2.0]), "must be real numbers"),
        (lambda: summarise_replicates(D, groups=["a", None, "b"]), "no name in row 1"),
        (lambda: summarise_replicates(D, groups=["a", " ", "b"]), "no name in row 1"),
        (
            lambda: summarise_replicates(D, groups=np.ma.masked_array(list("abc"), [0, 0, 1])),
            "no name in row 2",
        ),
    ],
)
def test_what_is_no_number_or_has_no_name_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_groups_that_differ_by_blanks_are_the_same():
    assert summarise_replicates(D, groups=["a", "a ", "b"]).groups == ("a", "b")
    assert summarise_replicates(D, groups=[1.0, 2.0, 1.0]).groups == ("1", "2")


def test_what_is_left_out_is_counted_in_every_output(tmp_path):
    path, out = tmp_path / "results.csv", tmp_path / "samples.csv"
    rows = table(poorly_determined=["FALSCH", "WAHR", ""])
    path.write_text(as_semicolons(pd.concat([rows, rows[:1]]).to_csv(index=False)))
    reasons = {"duplicate": 1, "no word on whether poorly determined": 1, "poorly determined": 1}
    printed = replicates(path, "--out", out).output
    assert "3 left out (" in printed
    assert all(f"1 {reason}" in printed for reason in reasons)
    (sample,) = json.loads(replicates(path, "--json").stdout)["samples"]
    assert (sample["n"], sample["n_left_out"], sample["reasons"]) == (1, 3, reasons)
    assert sample["findings"][0]["code"] == "replicates_left_out"
    row = pd.read_csv(out).iloc[0]
    assert (row.n, row.n_left_out, row.level) == (1, 3, 0.95)
    assert row.reasons.count("1 ") == 3
