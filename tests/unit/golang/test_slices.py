"""How third-party packages are divided."""

from __future__ import annotations

from multiarch.core.golang.slices import slices

ORDER = [f"example.org/lib{n // 5}/p{n}" for n in range(400)]


def test_slices_keep_the_order_and_every_package() -> None:
    cut = slices(ORDER)
    assert [path for one in cut for path in one] == ORDER
    # Some twenty of them: neither one process for all, nor one for each module.
    assert 10 <= len(cut) <= 30
    assert min(len(one) for one in cut[:-1]) >= 12


def test_few_packages_are_one_slice_and_none_are_none() -> None:
    assert slices(ORDER[:12]) == (tuple(ORDER[:12]),)
    assert slices([]) == ()


def test_a_new_package_changes_the_slices_beside_it_alone() -> None:
    before = slices(ORDER)
    for at in range(0, len(ORDER), 7):
        after = slices([*ORDER[:at], "example.org/new", *ORDER[at:]])
        assert len(set(before) - set(after)) <= 3
