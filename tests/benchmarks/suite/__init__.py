# SPDX-License-Identifier: Apache-2.0
"""What the commands `run` and `instructions` are made of."""
