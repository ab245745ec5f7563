"""Hostile files for everything that reads one; docs/reliability.md says what holds.

    python -m tests.fuzz picture --seconds 300 --corpus ~/fuzz     one target, on a corpus that stays
    python -m tests.fuzz all --seconds 300                         every target, one after the other

Needs `pip install atheris`. What breaks a target is written to tests/fuzz/crashes/TARGET/, where
`test_fuzz.py` tries it again in every run of the suite, with mutations of the seeds drawn anew.
"""
