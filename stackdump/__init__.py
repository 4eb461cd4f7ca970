"""A Stack Exchange dump as question/answer pairs: sites, archive.org, 7z, rows, joining, Markdown.

Reading order: `sites` and `archive_org` find the files, `http` fetches parts of them, `sevenzip` unpacks a member
as a stream, `rows` cuts it into rows, `join` brings answers to their questions, `records` and `markdown` write them.
"""
