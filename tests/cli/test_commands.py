#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The commands on the golden models: documents, exit codes, sentences, streams, memory. The cases are in commands.cases."""
import pathlib

import cases

cases.main(pathlib.Path(__file__).with_name('commands.cases'))
