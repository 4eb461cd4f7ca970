"""Croissant metadata: the data set described for programs, in croissant.json.

Croissant 1.1 is a vocabulary for schema.org's Dataset: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html.
The files come with their SHA-256, and each format and split that has Parquet files is a set of records with its fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from merging.formats import PARQUET, SHAPES, DataFile

FILE_NAME = "croissant.json"
VERSION = "http://mlcommons.org/croissant/1.1"
# The context that the specification's appendix gives.
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
MEDIA_TYPES = {
    PARQUET: "application/x-parquet",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
}
# The types of columns, as writers.Parquet has them: of a plain one its data type; of one of messages their fields.
PLAIN = {"text": "sc:Text", "number": "sc:Integer", "flag": "sc:Boolean", "numbers": "sc:Integer"}
TURNS = {"message": ("role", "content"), "messages": ("role", "content"), "sharegpt": ("from", "value")}
LISTS = {"numbers", "messages", "sharegpt"}


def croissant(
    title: str,
    description: str,
    licenses: Iterable[str],
    languages: list[str],
    meaning: Callable[[str, str], str],
    files: list[DataFile],
    digests: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The description of a data set.

    licenses: names or addresses. meaning: what a format's column holds. digests: size and SHA-256 of each file, by
    path.
    """
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": title,
        "description": description,
        "license": list(licenses),
        "inLanguage": languages,
        "distribution": [_file(file, digests) for file in files],
        "recordSet": [_records(file, meaning) for file in files if file.path.suffix == PARQUET and file.records],
    }


def _file(file: DataFile, digests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    path = file.path.as_posix()
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "description": f"{file.records} records of the split {file.split}, in the format {file.format}",
        "contentUrl": path,
        "contentSize": f"{digests[path]['bytes']} B",
        "encodingFormat": MEDIA_TYPES[file.path.suffix],
        "sha256": digests[path]["sha256"],
    }


def _records(file: DataFile, meaning: Callable[[str, str], str]) -> dict[str, Any]:
    name = f"{file.format}/{file.split}"
    types = {**SHAPES[file.format].columns, "id": "text"}
    fields = [
        _field(name, file.path.as_posix(), column, meaning(file.format, column), type_)
        for column, type_ in types.items()
    ]
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "key": {"@id": f"{name}/id"}, "field": fields}


def _field(records: str, path: str, column: str, description: str, type_: str) -> dict[str, Any]:
    name = f"{records}/{column}"
    field: dict[str, Any] = {"@type": "cr:Field", "@id": name, "name": name, "description": description}
    source = {"fileObject": {"@id": path}, "extract": {"column": column}}
    if type_ in LISTS:
        field["repeated"] = True
    if type_ in PLAIN:
        return {**field, "dataType": PLAIN[type_], "source": source}
    parts = [
        {
            "@type": "cr:Field",
            "@id": f"{name}/{part}",
            "name": f"{name}/{part}",
            "dataType": "sc:Text",
            "source": {**source, "transform": {"jsonPath": part}},
        }
        for part in TURNS[type_]
    ]
    return {**field, "subField": parts}
