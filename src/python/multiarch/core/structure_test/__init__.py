"""Tests of an image in the words of container-structure-test, decided on the image as a file."""
