"""The engines that execute RUN: buildah and Docker, and what they need of the host."""
