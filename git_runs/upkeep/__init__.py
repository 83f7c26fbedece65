"""Do records, refs, outputs and processes agree, and what keeps many runs fast: fsck and gc."""
