"""A Stack Exchange dump as question/answer pairs: sites, archive.org, 7z, rows, joining, Markdown.

Reading order: `sites` and `archive_org` find the files, `dumps` opens them, `sevenzip` unpacks a member as a stream,
`xml_rows` cuts it into rows, `posts` makes posts of them, `join` brings answers to their questions, and `pair_record`
and `markdown` write them.
"""
