"""What a medical picture tells besides its pixels, and DICOM files without it.

Only the names of fields are ever given out: no value of one stands in a result, an error or a log.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
from PIL import ExifTags, Image, IptcImagePlugin, UnidentifiedImageError

from common import pictures
from common.validation import DataError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# What a field's name says about its content; the first that fits counts.
_MEANINGS = (
    ("a place", r"gps|(?<!slice)(?<!region)location|(?<!velo)city|country|^state$|province|address|"
                r"institution|station|department"),
    ("a person", r"artist|author|creator|owner|photographer|by-?line|copyright|rights|credit|"
                 r"contact|person|patient|physician|operator|editor"),
    ("a date", r"date|creation ?time|timestamp"),
    ("a number that tells one device or file from others",
     r"serial|uniqueid|imageid|documentid|instanceid|hostcomputer|accession|identifier|studyid"),
    ("free text", r"comment|description|caption|title|keyword|subject$|headline|history|makernote|"
                  r"documentname|pagename|(?<!pro)filename|privatedata"),
)  # fmt: skip
# Their names say more than they hold: a version, pointers to other fields, a place in the picture.
_NOT = ("GPSVersionID", "GPSInfo", "DeviceSettingDescription", "SubjectLocation")
_PNG_KEYWORDS = ("Title", "Author", "Description", "Copyright", "Creation Time", "Disclaimer",
                 "Warning", "Source", "Comment")  # of the standard, but for "Software"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_IPTC = {(2, 5): "ObjectName (free text)", (2, 25): "Keywords (free text)",
         (2, 55): "DateCreated (a date)", (2, 60): "TimeCreated (a date)",
         (2, 80): "By-line (a person)", (2, 90): "City (a place)", (2, 92): "Location (a place)",
         (2, 95): "Province (a place)", (2, 101): "Country (a place)", (2, 105): "Headline "
         "(free text)", (2, 110): "Credit (a person)", (2, 115): "Source (a person)",
         (2, 116): "CopyrightNotice (a person)", (2, 118): "Contact (a person)",
         (2, 120): "Caption (free text)", (2, 122): "Writer (a person)"}  # fmt: skip
# Groups of DICOM that are about the patient, the trial, the visit, requests and results; PS3.6.
_PERSONAL_GROUPS = (0x0010, 0x0012, 0x0032, 0x0038, 0x0040, 0x4008)
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_GREYS = ("MONOCHROME1", "MONOCHROME2")


def exif_of(data: bytes) -> list[str]:
    """Which fields beside the pixels could tell a patient, a place, a date or a device.

    EXIF (CIPA DC-008), XMP (ISO 16684-1), IPTC, the texts of PNG and the comments of JPEG and GIF
    are looked through; fields that are blank or about light and lenses are passed over.

    Args:
        data: content of a picture's file.

    Returns:
        Names with what they may tell, never the values, in order: "EXIF GPSLatitude (a place)",
        "PNG text Author (a person)", "XMP creator (a person)". Empty where nothing was found.

    Raises:
        DataError: it is no picture whose fields can be looked through.
    """
    found: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's name values
            with Image.open(io.BytesIO(data)) as image:
                if image.format == "PNG":
                    image.load()  # texts may stand behind the pixels
                for what, fields in _BLOCKS.items():
                    found += _guarded(what, fields(image))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError):
        raise DataError("These bytes are no whole picture whose fields can be looked through. Save "
                        "it as PNG or JPEG.") from None
    return list(dict.fromkeys(found))


def _meaning(name: str) -> str:
    """What a field of this name may tell, or nothing."""
    plain = name.lower()
    if name in _NOT:
        return ""
    return next((what for what, pattern in _MEANINGS if re.search(pattern, plain)), "")


def _is_blank(value: object) -> bool:
    if isinstance(value, bytes):
        return not value.strip(b"\0 \t\r\n")
    return value is None or (isinstance(value, str) and not value.strip("\0 \t\r\n"))


def _guarded(what: str, fields: Iterator[str]) -> Iterator[str]:
    """A damaged block can make any error of its parser, and the error may quote values."""
    try:
        yield from fields
    except Exception:
        yield f"{what} that cannot be read (could be anything)"


def _of_exif(image: Image.Image) -> Iterator[str]:
    exif = image.getexif()
    if image.info.get("exif") and not len(exif):
        raise ValueError  # Pillow passes over what it cannot read
    blocks = [(ExifTags.TAGS, exif), (ExifTags.TAGS, exif.get_ifd(ExifTags.IFD.Exif)),
              (ExifTags.GPSTAGS, exif.get_ifd(ExifTags.IFD.GPSInfo))]  # fmt: skip
    for names, block in blocks:
        for tag, value in block.items():
            name = names.get(tag, "")
            if not name:
                yield f"EXIF field {tag:#06x} (not in the standard, could be anything)"
            elif (what := _meaning(name)) and not _is_blank(value):
                yield f"EXIF {name} ({what})"
    # In a TIFF this is its second picture.
    if image.format != "TIFF" and exif.get_ifd(ExifTags.IFD.IFD1):
        yield "EXIF thumbnail (may show what was cut away or painted over)"


def _of_xmp(image: Image.Image) -> Iterator[str]:
    packet = image.info.get("xmp") or b""
    text = packet.decode("utf-8", "replace") if isinstance(packet, bytes) else packet
    text = text.strip("\0 \t\r\n\ufeff")
    if not text:
        return
    if "<!DOCTYPE" in text:
        raise ElementTree.ParseError  # its entities may grow without end; XMP needs none
    for element in ElementTree.fromstring(text).iter():
        filled = any(not _is_blank(each) for each in element.itertext())
        names = [element.tag] if filled else []
        names += [key for key, value in element.attrib.items() if not _is_blank(value)]
        for name in names:
            local = name.rpartition("}")[2]
            if not name.startswith(_RDF) and (what := _meaning(local)):
                yield f"XMP {local} ({what})"


def _of_iptc(image: Image.Image) -> Iterator[str]:
    found = IptcImagePlugin.getiptcinfo(image) or {}
    yield from (f"IPTC {_IPTC[key]}" for key in found if key in _IPTC)


def _of_texts(image: Image.Image) -> Iterator[str]:
    for key, value in getattr(image, "text", {}).items():
        if _is_blank(value) or key in ("XML:com.adobe.xmp", "Software"):
            continue  # the first is XMP
        if key in _PNG_KEYWORDS:
            yield f"PNG text {key} ({_meaning(key) or 'free text'})"
        else:  # the keyword itself may be a name
            yield "PNG text with a keyword of its own (could be anything)"
    if not _is_blank(image.info.get("comment")):
        yield f"{image.format} comment (free text)"


_BLOCKS = {"EXIF": _of_exif, "XMP": _of_xmp, "Text": _of_texts, "IPTC": _of_iptc}


def dicom(path: str | Path) -> tuple[np.ndarray, list[str]]:
    """The pixels of a DICOM file (PS3.3), and what else it told and was dropped.

    Grey goes through the modality's rescaling, then the first look-up table or window of the file;
    without one, 8 bits stay as they are and more are stretched from the least value to the largest.
    MONOCHROME1 is turned round, so that more is brighter. YBR becomes RGB. A colour profile and
    overlays are passed over.

    Returns:
        uint8 [height, width, 3], and the names of the fields that could tell a person, a place, a
        date or a device ("Patient's Name"), never their values. "Burned In Annotation" among them
        means that text may stand in the pixels themselves.

    Raises:
        DataError: no such file, no DICOM, no picture in it, several frames, a kind of pixels or of
            compression that cannot be read here, damaged; or pydicom is not installed.
    """
    path = Path(path)
    try:
        import pydicom
    except ImportError:
        raise DataError(f"{path}: to read DICOM, pydicom is needed: pip install pydicom") from None
    data = pictures.bytes_of(path)
    with _silence():
        try:
            found = pydicom.dcmread(io.BytesIO(data))
            _require_readable(path, found)
            pixels, told = _pixels(found), list(dict.fromkeys(_told(found)))
        except DataError:
            raise
        except pydicom.errors.InvalidDicomError:
            raise DataError(f"{path} is no DICOM file: its mark DICM is missing.") from None
        except Exception:  # any error at all, and its text may quote a field
            raise DataError(f"{path}: its pixels cannot be decoded. Either the file is cut off or "
                            "damaged, or the installed decoders do not know its coding (12 bit "
                            "JPEG). Export it again, without compression.") from None
    return pixels, told


@contextmanager
def _silence() -> Iterator[None]:
    """pydicom warns and logs with the values of fields."""
    logger = logging.getLogger("pydicom")
    before, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def _require_readable(path: Path, found: Dataset) -> None:
    """DataError for what is well-formed but not one picture that can be decoded here."""
    from pydicom.pixels import get_decoder

    if "PixelData" not in found:
        raise DataError(f"{path} holds no picture; it is a document, a report or another object of "
                        "DICOM. Export the photograph itself.")
    if str(found.get("NumberOfFrames") or 1).strip() != "1":
        raise DataError(f"{path} has several frames. Export the one photograph that counts.")
    kind = str(found.get("PhotometricInterpretation", ""))
    if kind not in _GREYS + _COLOURS:
        raise DataError(f"{path} has pixels of a kind that is not read here; "
                        f"{', '.join(_GREYS + _COLOURS)} are. Export it as RGB.")
    try:
        compression = found.file_meta.TransferSyntaxUID
        decoder = get_decoder(compression)
    except (AttributeError, NotImplementedError):
        raise DataError(f"{path} has pixels in a coding that is unknown here. Export it without "
                        "compression, or as JPEG baseline.") from None
    if not decoder.is_available:
        raise DataError(f"{path} is compressed by {compression.name}, and no decoder of that is "
                        "installed. Install one (pip install 'pylibjpeg[all]'), or export the file "
                        "without compression.")


def _pixels(found: Dataset) -> np.ndarray:
    from pydicom.pixels import pixel_array

    array = pixel_array(found)  # YBR has become RGB
    if found.PhotometricInterpretation in _COLOURS:
        light = array / (2.0 ** found.BitsStored - 1)
    else:
        light = _grey(array, found)[..., None].repeat(3, axis=2)
    return pictures.as_bytes(light)


def _grey(array: np.ndarray, found: Dataset) -> np.ndarray:
    """Float [height, width] from 0 to 1 of stored values."""
    from pydicom.pixels import apply_modality_lut, apply_voi, apply_windowing

    values = apply_modality_lut(array, found)
    if tables := found.get("VOILUTSequence"):
        shown, low, high = apply_voi(values, found), 0, 2 ** tables[0].LUTDescriptor[2] - 1
    elif found.get("WindowCenter") is not None and found.get("WindowWidth") is not None:
        # What lies far outside the window is shown as black and white.
        low, high = apply_windowing(np.array([-1e9, 1e9]), found)
        shown = apply_windowing(values, found)
    elif found.BitsStored <= 8 and values.dtype == np.uint8:
        shown, low, high = values, 0, 2**found.BitsStored - 1
    else:
        shown, low, high = values, values.min(), values.max()
    light = (shown - float(low)) / (float(high) - float(low) or 1.0)
    return 1 - light if found.PhotometricInterpretation == "MONOCHROME1" else light


def _told(found: Dataset) -> Iterator[str]:
    """Names of all fields, also within sequences, that could tell a person, place, date, device."""
    from pydicom.datadict import dictionary_description, dictionary_has_tag, keyword_for_tag

    private = 0
    for tag, kind, value in (*_elements(found.file_meta), *_elements(found)):
        word = keyword_for_tag(tag)
        if word == "PixelData":
            continue
        if tag.is_private:
            private += 1
        elif not dictionary_has_tag(tag):
            yield f"field {tag} (not in the standard)"
        elif word == "BurnedInAnnotation":
            if value != "NO":
                yield "Burned In Annotation: text may stand in the pixels themselves"
        elif _is_personal(tag.group, kind, word):
            yield dictionary_description(tag)
    if private:
        yield f"{private} private fields of the device's maker (could be anything)"


def _elements(dataset: Dataset) -> Iterator[tuple]:
    """Tag, kind (VR) and value of every field that is filled, or filled with what is no value."""
    for tag in dataset.keys():
        try:
            element = dataset[tag]
            if element.VM == 0 or _is_blank(element.value):
                continue
        except Exception:  # one bad field among hundreds is no reason to refuse the picture
            yield tag, "", None
            continue
        yield tag, element.VR, element.value
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item)


def _is_personal(group: int, kind: str, word: str) -> bool:
    if kind == "UI":  # of classes and codings there are few; an instance is one photograph's
        return not word.endswith(("ClassUID", "SyntaxUID", "ImplementationVersionUID"))
    overlay = 0x6000 <= group <= 0x60FF
    # Outside its group, "Patient" is mostly what positions are measured against.
    telling = kind in ("PN", "DA", "DT", "TM") or _meaning(word.replace("Patient", ""))
    return group in _PERSONAL_GROUPS or overlay or bool(telling)
