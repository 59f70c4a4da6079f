#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ctrl-C in every phase, on a model large enough to be caught in it. The cases are in interrupt.cases."""
import pathlib

import cases

cases.main(pathlib.Path(__file__).with_name('interrupt.cases'))
