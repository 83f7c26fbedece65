"""What really breaks: crashes, races, ends of processes, hostile input."""

import pytest

pytest.register_assert_rewrite("tests.faults.harness")
