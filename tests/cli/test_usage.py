#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What needs no model: help, completion, the manual, wrong usage. The cases are in usage.cases."""
import pathlib

import cases

cases.main(pathlib.Path(__file__).with_name('usage.cases'))
