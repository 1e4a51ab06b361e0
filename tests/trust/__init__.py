"""The trust suite: hostile files, random damage and properties for everything that is read from disk.

Nothing hostile is stored: every file is made by the tests. `readers` names what is read and how, `corpus_*` make the
hostile files with their verdicts, `mutations` damages valid ones at random, and `engine` reads them in a process of its
own that is watched (`watch`): time, memory, and every path, program or address that is no business of the reader.
"""
