"""`lakeferry doctor`: what is well, what is odd, what is broken, and what to do about it."""

from cli.doctor.command import declare as declare
