"""C compilers for every platform: what each is called and told."""
