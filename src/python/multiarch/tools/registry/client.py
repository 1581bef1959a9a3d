"""A client of one registry: authenticates when asked to, and tries again what may succeed later.

Source: OCI distribution-spec; distribution's token authentication specification.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from typing import Any, Callable
from urllib.parse import urljoin, urlsplit

import requests
import urllib3.exceptions
from requests.auth import AuthBase
from requests.utils import get_environ_proxies

from multiarch.core.oci.challenge import Challenge, parse_challenges
from multiarch.core.oci.retries import ATTEMPTS, LONGEST_WAIT, is_retried, wait_before
from multiarch.tools.registry.credentials import Credentials, config_file, find_credentials
from multiarch.tools.registry.transport import (
    PUSH_TIMEOUT,
    TIMEOUT,
    RegistryError,
    RegistrySettings,
    session,
)

_USER_AGENT = "pants-multiarch"
# How much of an answer that reports an error is read, in bytes.
_ERROR_SIZE = 8192
# How much of an answer is read that is kept in memory and has no bound of its own.
_ANSWER_SIZE = 4 << 20


class Unauthorized(RegistryError):
    """Says that a registry wants (other) credentials, and where they are looked for."""


class Passing(RegistryError):
    """Says what failed once and may succeed later, and the pause that the registry asks for."""

    def __init__(self, registry: str, problem: str, retry_after: str | None = None) -> None:
        super().__init__(f"{registry}: {problem}")
        self.registry, self.problem, self.retry_after = registry, problem, retry_after


class Attempts:
    """The tries of one piece of work."""

    def __init__(self, what: str) -> None:
        self.what, self.made = what, 0

    def failed(self, problem: str, retry_after: str | None = None) -> None:
        """Wait before the next try; raises RegistryError after the last, or for too long a wait."""
        self.made += 1
        if self.made == ATTEMPTS:
            raise RegistryError(f"{self.what} failed {self.made} times; the last time: {problem}")
        wait = wait_before(self.made, retry_after, datetime.now(timezone.utc))
        if wait > LONGEST_WAIT:
            raise RegistryError(
                f"{self.what} failed: {problem}; it asks for a pause of {wait:.0f} s, and more "
                f"than {LONGEST_WAIT:.0f} s are not waited for. Try again later."
            )
        time.sleep(wait)


class _Header(AuthBase):
    """Sets the Authorization header; a redirect to another host does not get it."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.value:
            request.headers["Authorization"] = self.value
        return request


class Client:
    """Sends requests to one registry, from any number of threads."""

    def __init__(self, registry: str, settings: RegistrySettings) -> None:
        self.registry, self.settings = registry, settings
        self.address = settings.address(registry)
        self.session = session(settings)
        # The Authorization header by scope.
        self.headers: dict[str, str] = {}
        self.lock = threading.Lock()

    def send(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        expected: Collection[int],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        attempts: Attempts | None = None,
    ) -> requests.Response:
        """Send one request, and return an answer with an expected status.

        `scope` says what the request needs the right to (`repository:NAME:pull`). Failures that
        may pass are tried again, counted by `attempts`. The body of an answer to GET, or of an
        error, is not read. Raises RegistryError, or Unauthorized.
        """
        attempts = attempts or Attempts(f"{self.registry}: {method} {path}")
        while True:
            try:
                return self.once(
                    method, path, scope=scope, expected=expected, what=attempts.what,
                    headers=headers, body=None if body is None else lambda: body,
                )  # fmt: skip
            except Passing as failure:
                attempts.failed(failure.problem, failure.retry_after)

    def once(
        self,
        method: str,
        where: str,
        *,
        scope: str,
        expected: Collection[int],
        what: str,
        headers: Mapping[str, str] | None = None,
        body: Callable[[], Any] | None = None,
    ) -> requests.Response:
        """Send one request to a path or a whole address, and authenticate when asked to.

        `body` makes the request's body, anew for each time that it is sent. Raises Passing for a
        failure that may pass, else RegistryError.
        """
        try:
            url = urljoin(self.address, where)
        except ValueError as error:
            raise RegistryError(f"{self.registry}: it leads to no address: {error}") from None
        # Some registries take blobs at another host, by an address that is right enough.
        ours = urlsplit(url).netloc == urlsplit(self.address).netloc
        challenged = not ours
        while True:
            authorization = self.headers.get(scope, "") if ours else ""
            data = body() if body is not None else None
            try:
                response = self.exchange(method, url, authorization, headers, data)
            finally:
                if data is not None and hasattr(data, "close"):
                    data.close()
            if response.status_code in expected:
                unread = method == "GET" or (response.status_code >= 400 and method != "HEAD")
                return response if unread else _whole(response)
            if response.status_code == 401 and not challenged:
                challenged = True
                text = response.headers.get("WWW-Authenticate", "")
                problem = describe(response)
                self.renew(scope, authorization, parse_challenges(text), problem)
                continue
            problem = describe(response)
            if response.status_code in (401, 403):
                raise self.unauthorized(scope, problem)
            raise RegistryError(f"{what} failed: {problem}")

    def exchange(
        self,
        method: str,
        url: str,
        authorization: str,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
    ) -> requests.Response:
        """Send a request; raises Passing for an answer, or none, that may be another one later."""
        try:
            response = self.session.request(
                method,
                url,
                headers={
                    "User-Agent": _USER_AGENT, "Accept-Encoding": "identity", **(headers or {}),
                },
                data=data,
                auth=_Header(authorization),
                proxies=get_environ_proxies(url),
                stream=True,
                # An address that is good for GET alone would be followed.
                allow_redirects=method != "HEAD",
                timeout=PUSH_TIMEOUT if data is not None else TIMEOUT,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise RegistryError(
                f"{self.registry}: no TLS connection that can be trusted: {reason(error)}. "
                "`[multiarch-registry] ca_file` names a file with the authority of its "
                "certificate; a registry without TLS is named in `insecure`."
            ) from None
        except requests.exceptions.RequestException as error:
            raise Passing(self.registry, reason(error)) from None
        except ValueError as error:
            raise RegistryError(f"{self.registry}: it leads to no address: {error}") from None
        if is_retried(response.status_code):
            raise Passing(self.registry, describe(response), response.headers.get("Retry-After"))
        return response

    def renew(
        self, scope: str, refused: str, challenges: Collection[Challenge], problem: str
    ) -> None:
        """Authenticate, unless another thread has done so since `refused` was sent."""
        with self.lock:
            if self.headers.get(scope, "") == refused:
                self.headers[scope] = self.authorize(challenges, scope, problem)

    def authorize(self, challenges: Collection[Challenge], scope: str, problem: str) -> str:
        """The Authorization header that meets one of the challenges; raises Unauthorized."""
        credentials = find_credentials(self.registry, self.settings.environment)
        by_scheme = {challenge.scheme: challenge for challenge in reversed(tuple(challenges))}
        if "bearer" in by_scheme:
            return "Bearer " + self.token(by_scheme["bearer"], scope, credentials)
        if "basic" in by_scheme and credentials is not None and credentials.username:
            return basic(credentials)
        raise self.unauthorized(scope, problem, credentials)

    def token(self, challenge: Challenge, scope: str, credentials: Credentials | None) -> str:
        """Fetch a token from where the registry says; without credentials, one for everybody."""
        realm = challenge.parameters.get("realm", "")
        asked: dict[str, Any] = {"scope": challenge.parameters.get("scope") or scope.split()}
        if "service" in challenge.parameters:
            asked["service"] = challenge.parameters["service"]
        attempts = Attempts(f"{self.registry}: fetching a token from {realm!r}")
        method, url, header, form = "GET", realm, "", None
        if credentials is not None and credentials.identity_token:
            method, form = "POST", {
                **asked, "grant_type": "refresh_token", "client_id": _USER_AGENT,
                "refresh_token": credentials.identity_token,
            }  # fmt: skip
        else:
            try:
                url = requests.Request("GET", realm, params=asked).prepare().url or realm
            except ValueError as error:
                raise RegistryError(f"{attempts.what}: it is no address: {error}") from None
            header = basic(credentials) if credentials is not None else ""
        response = None
        while response is None:
            try:
                response = self.exchange(method, url, header, data=form)
            except Passing as failure:
                attempts.failed(failure.problem, failure.retry_after)
        if response.status_code in (400, 401, 403):
            raise self.unauthorized(scope, describe(response), credentials)
        if response.status_code != 200:
            raise RegistryError(f"{attempts.what} failed: {describe(response)}")
        try:
            value = json.loads(body(response))
            found = value.get("token") or value["access_token"]
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            raise RegistryError(f"{attempts.what} failed: the answer holds no token") from None
        return str(found)

    def unauthorized(
        self, scope: str, problem: str, credentials: Credentials | None = None
    ) -> Unauthorized:
        """The error that says which registry wants what, and where it was looked for."""
        _, repository, rights = scope.split()[0].split(":")
        right = rights.rpartition(",")[2]
        environment = self.settings.environment
        file = config_file(environment)
        if credentials is None:
            credentials = find_credentials(self.registry, environment)
        if credentials is None:
            found = f"there are no credentials for {self.registry} in {file}"
        else:
            user = f" of {credentials.username!r}" if credentials.username else ""
            found = f"the credentials{user} in {file}, or its helper's, do not allow it"
        return Unauthorized(
            f"{self.registry} refuses to {right} {repository!r}: {problem}; {found} (DOCKER_CONFIG "
            f"names another folder). `docker login {self.registry}` writes them. Some registries "
            "answer so too when there is no such repository."
        )


def body(response: requests.Response) -> bytes:
    """The body of a short answer, as it was sent; raises RegistryError for one that is not."""
    where = urlsplit(response.url).netloc
    try:
        with response:
            data: bytes = response.raw.read(_ANSWER_SIZE + 1, decode_content=False)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise RegistryError(f"{where}: the answer ended: {reason(error)}") from None
    if len(data) > _ANSWER_SIZE:
        raise RegistryError(f"{where}: the answer is longer than {_ANSWER_SIZE} bytes")
    return data


def basic(credentials: Credentials) -> str:
    """The header of basic authentication (RFC 7617)."""
    import base64

    text = f"{credentials.username}:{credentials.password}"
    return "Basic " + base64.b64encode(text.encode()).decode()


def _whole(response: requests.Response) -> requests.Response:
    """Read a short answer to its end, so that its connection serves the next request."""
    try:
        response.raw.read(_ERROR_SIZE, decode_content=False)
        response.raw.release_conn()
    except Exception:
        # Its status and headers are all that is asked for.
        response.close()
    return response


def describe(response: requests.Response) -> str:
    """An answer's status, and what a registry says in its body."""
    status = f"{response.status_code} {response.reason}".strip()
    try:
        body = response.raw.read(_ERROR_SIZE, decode_content=True)
        errors = json.loads(body)["errors"]
        said = ", ".join(f"{e.get('code', '')}: {e.get('message', '')}" for e in errors)
    except Exception:
        # A body that is no registry's, or cannot be read: the status says what there is to say.
        said = ""
    finally:
        response.close()
    return f"{status} ({said})" if said else status


def reason(error: Exception) -> str:
    """The innermost cause of an error of the transport, in one line."""
    inner: Any = error
    while getattr(inner, "reason", None) or getattr(inner, "args", None):
        following = getattr(inner, "reason", None) or inner.args[-1]
        if not isinstance(following, Exception):
            break
        inner = following
    return " ".join(str(inner).split()) or type(inner).__name__
