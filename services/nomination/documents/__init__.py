"""Printed documents: the minutes of a plenary (berita acara) and certificates (piagam), in Indonesian.

What a document says is put into words first (`meeting`, `award`), as a sheet of plain texts (`sheets`); a sheet is then
laid out (`minutes`, `certificate`), the same bytes for the same sheet, in a short-lived process of its own (`render`),
so that neither a long name nor a long meeting can hold up or bring down the service.
"""
