"""Readers of file formats: the contract they all keep to, and how one is found for a file."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skfrap.io import find_series, read_image, read_series, write_series
from skfrap.io.readers import Reader, Recording, TIFFReader, check_reader, register_reader
from skfrap.io.readers import _registry as registry

tifffile = pytest.importorskip("tifffile")


class LinesReader:
    """Read images that a text file holds, a row of pixels a line, with all of their number."""

    suffixes = (".lines", ".lines.txt")

    def can_read(self, path):
        with open(path, "rb") as file:
            return file.read(6) == b"lines\n"

    def n_images(self, path):
        return len(self._frames(path))

    def read(self, path, channel=None):
        if channel not in (None, 0):
            raise ValueError(f"channel must be 0 for {path}, got {channel}.")
        frames = self._frames(path)
        return Recording(frames, pixel_size_um=(0.5, "the format"), interval_s=(2.0, "the format"))

    def _frames(self, path):
        try:
            head, shape, *rows, end = Path(path).read_text(encoding="utf-8").split("\n")
            assert (head, end) == ("lines", "end")
            return np.array([row.split() for row in rows], int).reshape(*map(int, shape.split()))
        except (AssertionError, ValueError) as error:
            raise ValueError(f"{path} is damaged; write it again.") from error


def write_lines(path, frames):
    rows = [" ".join(map(str, row)) for row in frames.reshape(-1, frames.shape[-1])]
    shape = " ".join(map(str, frames.shape))
    path.write_text("\n".join(["lines", shape, *rows, "end"]), encoding="utf-8")
    return path


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(1, 250, (3, 8, 9)).astype(np.uint8)


@pytest.fixture
def readers(monkeypatch):
    """Forget readers that a test registers."""
    monkeypatch.setattr(registry, "_READERS", [TIFFReader()])
    return registry._READERS


def test_text_reader_keeps_to_the_contract(tmp_path, frames):
    check_reader(LinesReader(), write_lines(tmp_path / "a.lines", frames))
    check_reader(LinesReader(), write_lines(tmp_path / "a.lines.txt", frames[:1]))


@pytest.mark.parametrize("kind", ["skfrap", "imagej", "ome", "plain", "pages", "single"])
def test_tiff_reader_keeps_to_the_contract(tmp_path, frames, kind):
    path = tmp_path / "a.tif"
    if kind == "skfrap":
        write_series(path, frames, pixel_size_um=0.3, times_s=[0, 1, 5])
    elif kind == "imagej":
        tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX", "finterval": 2})
    elif kind == "ome":
        tifffile.imwrite(path, frames, ome=True, metadata={"axes": "TYX", "TimeIncrement": 2})
    elif kind == "plain":
        tifffile.imwrite(path, frames, photometric="minisblack")
    elif kind == "single":
        tifffile.imwrite(path, frames[0])
    else:
        with tifffile.TiffWriter(path) as tif:
            for frame in frames:
                tif.write(frame, metadata=None, contiguous=False, compression="zlib")
    check_reader(TIFFReader(), path)


def changed(**methods):
    return type("Changed", (LinesReader,), methods)()


def recorded(**changes):
    def read(self, path, channel=None):
        recording = LinesReader.read(self, path, channel)
        return Recording(
            **{
                "frames": recording.frames,
                "interval_s": recording.interval_s,
                **{k: f(recording) if callable(f) else f for k, f in changes.items()},
            }
        )

    return changed(read=read)


def forgiving(self, path):
    """Take what is left of a file, as many libraries do."""
    rows = Path(path).read_text(encoding="utf-8").split("\n")[2:-1]
    return np.array([row.split() for row in rows if row], int).reshape(-1, 8, 9)


def by_channel(self, path, channel=None):
    return LinesReader.read(self, path)


def nameless(self, path, channel=None):
    try:
        return LinesReader.read(self, path, channel)
    except ValueError as error:
        raise ValueError("this is no such file.") from error


@pytest.mark.parametrize(
    ("reader", "words"),
    [
        (changed(suffixes=".lines"), "suffixes must be a tuple"),
        (changed(suffixes=(".LINES",)), "in lower case"),
        (changed(suffixes=(".other",)), "must end in one of the suffixes"),
        (changed(can_read=lambda self, path: False), "can_read must be true"),
        (changed(can_read=lambda self, path: True), "can_read must be false"),
        (changed(n_images=lambda self, path: 1), "n_images must count"),
        (changed(read=lambda self, path, channel=None: np.ones((3, 4, 5))), "return a Recording"),
        (changed(read=by_channel), "a channel that the file lacks"),
        (changed(read=nameless), "must name the file"),
        (changed(_frames=forgiving), "of which"),
        (recorded(frames=lambda r: r.frames > 0), "integers or floats"),
        (recorded(frames=lambda r: r.frames.astype(">i4" if sys.byteorder == "little" else "<i4")),
         "byte order"),
        (recorded(bit_depth=65), "bit_depth must be"),
        (recorded(pixel_size_um=(0.5, "")), "words that say where"),
        (recorded(pixel_size_um=(0.0, "nowhere")), "pixel_size_um must be positive"),
        (recorded(times_s=([0, 1, 1], "nowhere")), "times increase"),
        (recorded(interval_s=(np.nan, "nowhere")), "interval_s must be positive"),
        (recorded(clocks=[([0.0, 1.0], "nowhere")]), "clocks must be a time"),
        (recorded(findings=["all is lost"]), "findings must be of Finding"),
    ],
)  # fmt: skip
def test_check_finds_what_is_wrong_with_a_reader(tmp_path, frames, reader, words):
    path = write_lines(tmp_path / "a.lines", frames)
    with pytest.raises(AssertionError, match=words):
        check_reader(reader, path)


def test_check_takes_no_other_error_for_a_refusal(tmp_path, frames):
    def read(self, path, channel=None):
        return LinesReader.read(self, path, channel) if "damaged" not in str(path) else 1 / 0

    path = write_lines(tmp_path / "a.lines", frames)
    with pytest.raises(AssertionError, match="must raise ValueError, got ZeroDivisionError"):
        check_reader(changed(read=read), path)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"frames": np.ones((4, 5))}, r"n_frames, ny, nx.*\(4, 5\)"),
        ({"frames": np.ones((0, 4, 5))}, "none of them 0"),
        ({"dates": ["2010:04:29 13:01:42"]}, "one date for each of 3 frames, got 1"),
        ({"times_s": ([0.0, 1.0], "the file")}, "a time for each of 3 frames, got 2"),
        ({"frames": [[[1.0]]] * 3}, "frames must be an array, got a list"),
        ({"pixel_size_um": 0.5}, r"pixel_size_um must be a pair, .* got 0\.5"),
        ({"interval_s": (0.5, None)}, "interval_s must be a pair"),
    ],
)
def test_recordings_are_of_one_piece(given, words):
    with pytest.raises(ValueError, match=words):
        Recording(**{"frames": np.ones((3, 4, 5)), **given})


def test_a_registered_reader_opens_every_door(tmp_path, frames, readers):
    path = write_lines(tmp_path / "cell.LINES", frames)
    with pytest.raises(ValueError, match=r"cell\.LINES is in no format.*readers of \.tif, \.tiff"):
        read_series(path)
    with pytest.raises(FileNotFoundError, match=r"holds no image file \(\.tif, \.tiff"):
        read_series(tmp_path)
    reader = LinesReader()
    register_reader(reader)
    register_reader(reader)
    assert len(readers) == 2
    series = read_series(path)
    np.testing.assert_array_equal(series.frames, frames)
    assert series.pixel_size_um == 0.5
    assert series.times_s.tolist() == [0.0, 2.0, 4.0]
    assert series.sources == {"pixel_size_um": "the format", "times_s": "the format"}
    assert find_series(tmp_path) == [str(path)]
    folder = tmp_path / "single"
    folder.mkdir()
    for i, frame in enumerate(frames):
        write_lines(folder / f"{i}.lines", frame[np.newaxis])
    np.testing.assert_array_equal(read_series(folder).frames, frames)
    assert find_series(folder) == [str(folder)]
    np.testing.assert_array_equal(read_image(folder / "1.lines"), frames[1])


def test_what_begins_a_file_tells_more_than_its_name(tmp_path, frames, readers):
    register_reader(LinesReader())
    path = tmp_path / "image"
    tifffile.imwrite(path, frames, photometric="minisblack")
    np.testing.assert_array_equal(read_series(path).frames, frames)
    path = write_lines(tmp_path / "a.tif", frames)
    np.testing.assert_array_equal(read_series(path).frames, frames)
    path.write_text("neither\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.tif is not a TIFF file"):
        read_series(path)


def test_of_two_readers_the_later_one_reads(tmp_path, frames, readers):
    register_reader(LinesReader())
    register_reader(recorded(pixel_size_um=(0.7, "the later one")))
    path = write_lines(tmp_path / "a.lines", frames)
    assert read_series(path).pixel_size_um == 0.7


@pytest.mark.parametrize(
    "reader", [LinesReader, object(), changed(suffixes=".lines"), changed(suffixes=(".Lines",))]
)
def test_what_is_no_reader_is_not_registered(readers, reader):
    with pytest.raises(TypeError, match="reader"):
        register_reader(reader)
    assert len(readers) == 1


@pytest.mark.parametrize("method", ["can_read", "n_images", "read", "series_names"])
def test_what_a_reader_of_others_raises_names_the_file_and_the_reader(
    tmp_path, frames, readers, method
):
    def fail(self, path, *others):
        return {}["key"]

    register_reader(changed(**{method: fail}))
    path = write_lines(tmp_path / "a.lines", frames)
    words = r"a\.lines cannot be read: its reader, .*, fails \(KeyError: 'key'\); .*check_reader"
    with pytest.raises(ValueError, match=words):
        {"n_images": registry.count_images, "series_names": registry.series_names}.get(
            method, read_series
        )(path)


def test_a_reader_that_returns_no_recording_is_named(tmp_path, frames, readers):
    register_reader(changed(read=lambda self, path, channel=None: frames))
    path = write_lines(tmp_path / "a.lines", frames)
    with pytest.raises(ValueError, match="read must return a Recording, got ndarray"):
        read_series(path)


def test_what_a_reader_of_skfrap_raises_stays_what_it_is(tmp_path, frames, monkeypatch):
    path = tmp_path / "a.tif"
    write_series(path, frames, pixel_size_um=1.0, frame_interval_s=1.0)
    monkeypatch.setattr(TIFFReader, "read", lambda self, path, channel=None: {}["key"])
    with pytest.raises(KeyError, match="key"):
        read_series(path)


def test_readers_are_what_the_protocol_says():
    assert isinstance(TIFFReader(), Reader)
    assert not isinstance(object(), Reader)


SCRIPT = """
import sys
from skfrap.io import find_series, read_series
from skfrap.io.readers._registry import known_suffixes
tif, lines, broken, none = sys.argv[1:]
print(known_suffixes(), find_series(tif))
print("imported" if "lines_reader" in sys.modules else "not yet")
print(read_series(lines))
for path in (broken, none):
    try:
        read_series(path)
    except ImportError as error:
        print(error)
"""


def test_installed_reader_is_imported_when_its_files_are_met(tmp_path, frames):
    installed = tmp_path / "site" / "frap_lines-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: frap-lines\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(
        "[skfrap.readers]\nlines = lines_reader:reader\nbroken = no_such_module:reader\n"
        ".none = lines_reader:LinesReader\n"
    )
    code = Path(__file__).read_text(encoding="utf-8")
    own = code[code.index("class LinesReader") : code.index("def write_lines")]
    (tmp_path / "site" / "lines_reader.py").write_text(
        "from pathlib import Path\nimport numpy as np\nfrom skfrap.io.readers import Recording\n"
        f"{own}\nreader = LinesReader()\n",
        encoding="utf-8",
    )
    tif, broken = tmp_path / "a.tif", tmp_path / "a.broken"
    write_series(tif, frames, pixel_size_um=1.0, frame_interval_s=1.0)
    none = tmp_path / "a.none"
    for path in (broken, none):
        path.write_text("?", encoding="utf-8")
    lines = write_lines(tmp_path / "a.lines", frames)
    code = f"import sys\nsys.path.insert(0, {str(tmp_path / 'site')!r})\n{SCRIPT}"
    command = [sys.executable, "-c", code, *map(str, (tif, lines, broken, none))]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    suffixes, when, series, error, of_a_class = output.splitlines()
    assert suffixes.startswith("('.tif', '.tiff', '.lines', '.broken', '.none', '.czi'")
    assert when == "not yet"
    assert "3 frames of 8 x 9" in series
    assert "a.broken needs the reader no_such_module:reader, which cannot be imported" in error
    assert "a.none needs the reader lines_reader:LinesReader, and that is none" in of_a_class


def test_every_suffix_is_on_the_page_of_files():
    page = (Path(__file__).parents[1] / "docs" / "guide" / "files.md").read_text(encoding="utf-8")
    for suffix in (*registry.known_suffixes(), *registry.known_suffixes(pictures=True)):
        if suffix not in (".lines", ".lines.txt"):  # of the tests
            assert f"`{suffix}`" in page


def test_what_has_no_reader_is_told_how_to_keep_its_times(tmp_path, monkeypatch):
    path = tmp_path / "cell.vsi"
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="OME-TIFF, which keeps the time of every frame") as error:
        read_series(path)
    assert "bioio" not in str(error.value)
    monkeypatch.setattr(registry, "find_spec", lambda name: name)
    with pytest.raises(ValueError, match=r"bioio is installed here.*series\.ome\.tiff"):
        read_series(path)


def test_readers_of_microscopes_are_imported_when_their_files_are_met():
    code = (
        "import sys, skfrap.io\n"
        "heavy = ('tifffile', 'liffile', 'nd2', 'oirfile', 'PIL', 'imagecodecs', 'czifile')\n"
        "print([name for name in sys.modules if name in heavy or name.endswith("
        "('readers.czi', 'readers.lif', 'readers.nd2', 'readers.oif', 'readers.lsm'))])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "[]"
