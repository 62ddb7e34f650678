"""What a picture tells beside its pixels is named and never quoted; DICOM gives pixels alone."""

import builtins
import io
import logging

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from common import privacy
from common.validation import DataError

SECRET = "Josephine Bloggs"
XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:City="{SECRET}" xmp:Rating="3"
 xmp:CreateDate="2020-02-02"><dc:creator><rdf:Seq><rdf:li>{SECRET}</rdf:li></rdf:Seq></dc:creator>
 <dc:title> </dc:title></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


def picture(kind="JPEG", **options):
    """A small picture's file with the given fields, as bytes."""
    written = io.BytesIO()
    Image.new("RGB", (12, 10), "red").save(written, kind, **options)
    return written.getvalue()


def exif():
    found = Image.Exif()
    found[274], found[282] = 6, 72.0  # how it is held, and how dense: nobody's business
    inside, place = found.get_ifd(0x8769), found.get_ifd(0x8825)
    found[315], inside[0xA431], inside[0x9286] = SECRET, "SN-4711", b"ASCII\0\0\0" + SECRET.encode()
    inside[0x9003], inside[0x829A], inside[0xA430] = "2020:02:02 10:00:00", 0.01, "   "
    place.update({0: b"\x02\x03\0\0", 1: "N", 2: (48.0, 1.0, 2.0)})
    found[0x8769], found[0x8825] = dict(inside), dict(place)  # or Pillow leaves them out of a TIFF
    return found


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_is_named_and_not_quoted(kind):
    found = privacy.exif_of(picture(kind, exif=exif()))
    for name in ("Artist (a person)", "BodySerialNumber (a number", "UserComment (free text)",
                 "DateTimeOriginal (a date)", "GPSLatitude (a place)"):  # fmt: skip
        assert any(each.startswith(f"EXIF {name}") for each in found), (name, found)
    assert SECRET not in str(found) and "4711" not in str(found) and "2020" not in str(found)
    # A blank owner, the time of exposure, density and a version tell nothing.
    assert not [each for each in found if "Owner" in each or "Exposure" in each]
    assert not [each for each in found if "Version" in each or "Resolution" in each]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_xmp(kind):
    options = {"pnginfo": PngInfo()} if kind == "PNG" else {"xmp": XMP}
    if kind == "PNG":
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    found = privacy.exif_of(picture(kind, **options))
    assert set(found) == {"XMP City (a place)", "XMP CreateDate (a date)", "XMP creator (a person)"}
    broken = privacy.exif_of(picture("JPEG", xmp=XMP[:-60]))
    assert broken == ["XMP that cannot be read (could be anything)"]
    bomb = b'<!DOCTYPE x [<!ENTITY a "b">]>' + XMP.partition(b"?>\n")[2]
    assert "cannot be read" in privacy.exif_of(picture("JPEG", xmp=bomb))[0]


def test_texts_and_comments():
    info = PngInfo()
    for key, value in (("Author", SECRET), ("Creation Time", "2020"), (SECRET, "x"),
                       ("Software", "matplotlib"), ("Title", " ")):  # fmt: skip
        info.add_text(key, value)
    found = privacy.exif_of(picture("PNG", pnginfo=info))
    assert found == ["PNG text Author (a person)", "PNG text Creation Time (a date)",
                     "PNG text with a keyword of its own (could be anything)"]  # fmt: skip
    assert privacy.exif_of(picture(comment=SECRET.encode())) == ["JPEG comment (free text)"]
    assert privacy.exif_of(picture("GIF", comment=SECRET)) == ["GIF comment (free text)"]


def test_texts_behind_the_pixels_are_found():
    info = PngInfo()
    info.add(b"tEXt", b"Author\0" + SECRET.encode(), after_idat=True)
    assert privacy.exif_of(picture("PNG", pnginfo=info)) == ["PNG text Author (a person)"]


def test_iptc():
    fields = b"".join(b"\x1c\x02" + bytes([key, 0, len(SECRET)]) + SECRET.encode()
                      for key in (80, 90, 120))  # fmt: skip
    fields += b"\0" * (len(fields) % 2)
    block = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + len(fields).to_bytes(4, "big") + fields
    plain = picture()
    data = plain[:2] + b"\xff\xed" + (len(block) + 2).to_bytes(2, "big") + block + plain[2:]
    found = privacy.exif_of(data)
    assert found == ["IPTC By-line (a person)", "IPTC City (a place)", "IPTC Caption (free text)"]


def test_a_plain_picture_tells_nothing_and_no_picture_is_refused():
    turned = Image.Exif()
    turned[274] = 6
    assert privacy.exif_of(picture(exif=turned)) == [] == privacy.exif_of(picture("PNG"))
    for data in (b"", b"hello", picture("PNG")[:50]):
        with pytest.raises(DataError, match="no whole picture"):
            privacy.exif_of(data)


def test_a_damaged_exif_is_named():
    data = picture(exif=exif())
    at = data.index(b"Exif\0\0") + 6
    for damage in (b"MM\0*\x7f\xff\xff\xff", b"garbage!"):
        found = privacy.exif_of(data[:at] + damage + data[at + 8 :])
        assert found == ["EXIF that cannot be read (could be anything)"]


def write(path, pixels=None, kind="MONOCHROME2", **fields):
    """A DICOM file with a patient in it."""
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, OphthalmicPhotography8BitImageStorage

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = OphthalmicPhotography8BitImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    meta.TransferSyntaxUID = fields.pop("syntax", ExplicitVRLittleEndian)
    found = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    found.SOPClassUID = meta.MediaStorageSOPClassUID
    found.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    found.PatientName, found.PatientID, found.PatientBirthDate = SECRET, "4711", "19330101"
    found.InstitutionName, found.StudyDate, found.Modality = SECRET, "20200202", "OP"
    found.AccessionNumber = ""
    if pixels is not None:
        found.Rows, found.Columns = pixels.shape[:2]
        found.SamplesPerPixel = pixels.shape[2] if pixels.ndim == 3 else 1
        if found.SamplesPerPixel > 1:
            found.PlanarConfiguration = 0
        found.PhotometricInterpretation = kind
        found.BitsAllocated = found.BitsStored = pixels.dtype.itemsize * 8
        found.HighBit = found.BitsStored - 1
        found.PixelRepresentation = int(pixels.dtype.kind == "i")
        found.PixelData = pixels.tobytes()
    for name, value in fields.items():
        setattr(found, name, value)
    found.save_as(path, enforce_file_format=True)
    return path


RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


def test_patient_fields_are_named_and_dropped(tmp_path):
    from pydicom.dataset import Dataset

    inside = Dataset()
    inside.ReferringPhysicianName = SECRET
    path = write(tmp_path / "a.dcm", RAMP, RequestAttributesSequence=[inside], SliceLocation="3",
                 ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                 BurnedInAnnotation="YES", DeviceSerialNumber="4711")  # fmt: skip
    pixels, told = privacy.dicom(path)
    assert pixels.dtype == np.uint8 and pixels.shape == (16, 16, 3)
    assert (pixels == RAMP[..., None]).all()
    for name in ("Patient's Name", "Patient ID", "Patient's Birth Date", "Institution Name",
                 "Study Date", "SOP Instance UID", "Referring Physician's Name",
                 "Device Serial Number"):  # fmt: skip
        assert name in told, name
    assert "Burned In Annotation: text may stand in the pixels themselves" in told
    for name in ("Accession Number", "Modality", "Slice Location", "SOP Class UID", "Rows",
                 "Image Orientation (Patient)"):  # fmt: skip
        assert name not in told, name
    assert SECRET not in str(told) and "4711" not in str(told)


def test_private_and_broken_fields(tmp_path):
    import pydicom

    path = write(tmp_path / "a.dcm", RAMP)
    found = pydicom.dcmread(path)
    found.private_block(0x0011, SECRET, create=True).add_new(1, "LO", SECRET)
    found.add_new(0x00280106, "US", 0)
    found.save_as(path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"PN\x10\0" + SECRET.encode(), b"DS\x10\0" + SECRET.encode()))
    pixels, told = privacy.dicom(path)
    assert (pixels == RAMP[..., None]).all() and "Patient's Name" in told
    assert "2 private fields of the device's maker (could be anything)" in told
    assert SECRET not in str(told)


def test_grey_of_all_kinds(tmp_path):
    deep = np.array([[0, 1000], [2000, 4000]], np.uint16)
    pixels = privacy.dicom(write(tmp_path / "a.dcm", deep))[0][..., 0]
    assert pixels.tolist() == [[0, 64], [128, 255]]  # stretched
    window = {"WindowCenter": [1000, 9], "WindowWidth": [2000, 9]}
    pixels = privacy.dicom(write(tmp_path / "b.dcm", deep, **window))[0][..., 0]
    assert pixels[0, 0] == 0 and pixels[1].tolist() == [255, 255] and pixels[0, 1] in (127, 128)
    turned = privacy.dicom(write(tmp_path / "c.dcm", deep, "MONOCHROME1", **window))[0][..., 0]
    assert (turned == 255 - pixels).all()
    signed = np.array([[-100, 0], [50, 100]], np.int16)
    scaled = {"RescaleSlope": 2, "RescaleIntercept": 10, "WindowCenter": 10, "WindowWidth": 401}
    pixels = privacy.dicom(write(tmp_path / "d.dcm", signed, **scaled))[0][..., 0]
    assert pixels.tolist() == [[0, 128], [192, 255]]
    assert privacy.dicom(write(tmp_path / "e.dcm", deep * 0))[0].max() == 0


def test_a_look_up_table(tmp_path):
    from pydicom.dataset import Dataset

    table = Dataset()
    table.add_new(0x00283002, "US", [4, 0, 8])
    table.add_new(0x00283006, "US", [0, 200, 100, 255])
    stored = np.array([[0, 1], [2, 3]], np.uint8)
    pixels = privacy.dicom(write(tmp_path / "a.dcm", stored, VOILUTSequence=[table]))[0]
    assert pixels[..., 1].tolist() == [[0, 200], [100, 255]]


def test_colours(tmp_path):
    from pydicom.encaps import encapsulate
    from pydicom.pixels import convert_color_space
    from pydicom.uid import JPEGBaseline8Bit

    colours = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    pixels, _ = privacy.dicom(write(tmp_path / "a.dcm", colours, "RGB"))
    assert (pixels == colours).all()
    deep = colours.astype(np.uint16) * 257
    assert (privacy.dicom(write(tmp_path / "b.dcm", deep, "RGB"))[0] == colours).all()
    other = convert_color_space(colours, "RGB", "YBR_FULL")
    pixels, _ = privacy.dicom(write(tmp_path / "c.dcm", other, "YBR_FULL"))
    assert np.abs(pixels.astype(int) - colours).max() <= 3
    red = picture("JPEG", quality=95)
    path = write(tmp_path / "d.dcm", np.zeros((10, 12, 3), np.uint8), "YBR_FULL_422",
                 syntax=JPEGBaseline8Bit, PixelData=encapsulate([red]))  # fmt: skip
    pixels, _ = privacy.dicom(path)
    assert pixels.shape == (10, 12, 3)
    assert (np.abs(pixels.astype(int) - [254, 0, 0]) <= 3).all()


@pytest.mark.parametrize(("fields", "said"), [
    ({"pixels": None}, "holds no picture"),
    ({"NumberOfFrames": "2", "PixelData": RAMP.tobytes() * 2}, "several frames"),
    ({"kind": "PALETTE COLOR"}, "of a kind that is not read here"),
    ({"syntax": "1.2.840.10008.1.2.4.80"}, "JPEG-LS.*no decoder.*pip install"),
    ({"syntax": "1.2.840.10008.1.2.4.100"}, "coding that is unknown"),
    ({"PixelData": RAMP.tobytes()[:100]}, "cannot be decoded"),
])  # fmt: skip
def test_what_cannot_be_read_is_refused(tmp_path, fields, said):
    from pydicom.encaps import encapsulate

    fields = {"pixels": RAMP} | fields
    if "syntax" in fields:
        fields["PixelData"] = encapsulate([RAMP.tobytes()])
    path = write(tmp_path / "a.dcm", **fields)
    with pytest.raises(DataError, match=said) as caught:
        privacy.dicom(path)
    assert str(path) in str(caught.value) and SECRET not in str(caught.value)
    quoted = caught.value.__cause__ or caught.value.__context__
    assert caught.value.__suppress_context__ or quoted is None  # no traceback quotes a field


def test_files_that_are_no_dicom(tmp_path):
    path = tmp_path / "a.dcm"
    with pytest.raises(DataError, match="is no file"):
        privacy.dicom(path)
    path.write_bytes(picture())
    with pytest.raises(DataError, match="no DICOM file"):
        privacy.dicom(path)
    whole = write(path, RAMP).read_bytes()
    path.write_bytes(whole[:300])
    with pytest.raises(DataError) as caught:
        privacy.dicom(path)
    assert SECRET not in str(caught.value)


def test_no_value_reaches_the_log(tmp_path, caplog, recwarn):
    path = write(tmp_path / "a.dcm", RAMP, SeriesNumber="12345678")
    data = path.read_bytes()
    assert b"IS\x08\x0012345678" in data
    path.write_bytes(data.replace(b"12345678", b"Bloggs X"))  # pydicom would quote it
    with caplog.at_level(logging.DEBUG):
        privacy.dicom(path)
    assert "Bloggs" not in caplog.text
    assert not [each for each in recwarn if "Bloggs" in str(each.message)]
    assert not logging.getLogger("pydicom").disabled


def test_without_pydicom_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    path = write(tmp_path / "a.dcm", RAMP)
    real = builtins.__import__

    def without(name, *arguments, **keywords):
        if name.partition(".")[0] == "pydicom":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match="pip install pydicom"):
        privacy.dicom(path)
