"""`lakeferry doctor --first`: twenty things to look at after a first deployment."""

from cli.doctor.first.steps import STEPS as STEPS
