"""`c_cross_binary`: one small C program, built for every platform of its matrix."""
