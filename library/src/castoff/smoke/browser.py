"""The client: bounded in time and size, never off the origin, TLS always verified."""

import ipaddress
import socket
import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from castoff.errors import WrongInput
from castoff.smoke.wrong import NoAnswer, Wrong, shown

if TYPE_CHECKING:
    import httpx

LARGEST = 5_000_000  # bytes that are read of any answer
# A server may close a connection that is idle; one that was just used is safe to use again.
KEPT_IDLE = 1.0


@dataclass(frozen=True)
class Cookie:
    """A cookie as the server set it."""

    name: str
    value: str
    flags: frozenset[str]


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        url: what was asked for.
        status: the HTTP status.
        headers: the headers; names in any case.
        body: the content, decoded, of which at most 5 MB were read.
        whole: whether that was all.
        sent: bytes that came over the wire.
        certificate: the verified certificate as Python's `ssl` gives it, empty over plain http.
    """

    url: str
    status: int
    headers: "httpx.Headers"
    body: bytes
    whole: bool
    sent: int
    certificate: dict[str, Any]

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.header("content-type").partition(";")[0].strip().lower()

    @property
    def path(self) -> str:
        """The path that was asked for, for a person."""
        return shown(path_of(self.url))

    @property
    def redirect(self) -> str:
        """The absolute URL that a redirect points to, or an empty text."""
        if not 300 <= self.status < 400:
            return ""
        location = self.header("location")
        return (resolve(self.url, location) or "") if location else ""

    @property
    def cookies(self) -> list[Cookie]:
        """The cookies that it sets."""
        return [_cookie(line) for line in self.headers.get_list("set-cookie")]

    def header(self, name: str) -> str:
        """A header's value, or an empty text."""
        return str(self.headers.get(name, ""))


class Browser:
    """Asks one origin. Many threads may share it; it keeps no cookies of its own.

    Args:
        url: the release's public URL, as in ``https://host`` or ``http://localhost:8000``.
        timeout: seconds for each request, from connecting to the last byte.
        http_url: the plain http side of an https URL, or an empty text.
        address: host and port to connect to in place of the URL's, which stays in the Host header.

    Raises:
        WrongInput: the URL has no host, or is not of http or https.
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        http_url: str = "",
        address: tuple[str, int] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.origin = origin_of(url)
        if not self.origin:
            raise WrongInput(
                f"`{shown(url)}` is not a URL that can be asked",
                "Nothing was asked.",
                "Give the target a full URL, as in https://host or http://localhost:8000.",
            )
        self.timeout = timeout
        self._allowed = {self.origin, origin_of(http_url)} - {""}
        self._address = address
        self._client = _client(self.origin, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    @property
    def is_https(self) -> bool:
        """Whether the release is asked over TLS."""
        return self.origin.startswith("https:")

    def get(self, where: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for a path or a URL of the origin; redirects are returned, not followed.

        Raises:
            NoAnswer: nothing came back that is an HTTP answer, or not in time.
        """
        return self._send("GET", where, headers or {}, None)

    def post(self, where: str, headers: Mapping[str, str], fields: Mapping[str, str]) -> Answer:
        """Post a form. Raises as ``get`` does."""
        return self._send("POST", where, headers, fields)

    def _send(
        self,
        method: str,
        where: str,
        headers: Mapping[str, str],
        fields: Mapping[str, str] | None,
    ) -> Answer:
        import httpx

        url = resolve(f"{self.url}/", where)
        if url is None or origin_of(url) not in self._allowed:
            raise Wrong(
                f"{shown(where)} is not a path of {self.origin}, and was not asked",
                "Give paths that begin with a slash in castoff.smoke (invoke.yaml).",
            )
        raw = {_bytes(name): _bytes(value) for name, value in headers.items()}
        try:
            request = self._client.build_request(method, url, headers=raw, data=fields)
            if self._address:  # the Host header has been made by now
                host, port = self._address
                request.url = request.url.copy_with(host=host, port=port)
            with closing(self._client.send(request, stream=True)) as response:
                return self._read(url, response)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _no_answer(error, url, self.timeout) from None

    def _read(self, url: str, response: "httpx.Response") -> Answer:
        until = monotonic() + self.timeout
        certificate = _certificate(response)  # now: a stream that is closed no longer has it
        body = bytearray()
        whole = True
        for piece in response.iter_bytes():
            body += piece
            if len(body) > LARGEST:
                whole = False
                break
            if monotonic() > until:
                raise _timeout(url, self.timeout)
        return Answer(
            url=url,
            status=response.status_code,
            headers=response.headers,
            body=bytes(body[:LARGEST]),
            whole=whole,
            sent=response.num_bytes_downloaded,
            certificate=certificate,
        )


def origin_of(url: str) -> str:
    """The origin, as in ``https://host:8443``: lower case, no default port; "" if there is none."""
    import httpx

    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return ""
    if parts.scheme not in ("http", "https") or not parts.host:
        return ""
    return f"{parts.scheme}://{parts.netloc.decode('ascii')}"


def path_of(url: str) -> str:
    """The path with its query, as it is sent."""
    import httpx

    return httpx.URL(url).raw_path.decode("ascii")


def resolve(base: str, link: str) -> str | None:
    """The absolute URL of a link, without its fragment; None if it is not a URL."""
    import httpx

    try:
        return str(httpx.URL(base).join(link.strip()).copy_with(fragment=None))
    except (httpx.InvalidURL, ValueError):
        return None


def is_loopback(origin: str) -> bool:
    """Whether an origin is on this machine, where no proxy can help."""
    import httpx

    host = httpx.URL(origin).host
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _client(origin: str, timeout: float) -> "httpx.Client":
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import httpx

    return httpx.Client(
        verify=_trust(origin),
        timeout=timeout,
        follow_redirects=False,
        trust_env=not is_loopback(origin),
        limits=httpx.Limits(keepalive_expiry=KEPT_IDLE),
        # The questions are asked at the same time: a jar that they shared would mix their cookies.
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": "castoff-smoke", "Accept-Encoding": "gzip"},
    )


def _trust(origin: str) -> ssl.SSLContext:
    """Mozilla's authorities, the system's, and those in the file that ``SSL_CERT_FILE`` names."""
    import httpx

    if not origin.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading the authorities takes 20 ms
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def _certificate(response: "httpx.Response") -> dict[str, Any]:
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream else None
    return dict(tls.getpeercert() or {}) if tls else {}


def _cookie(line: str) -> Cookie:
    pair, *flags = line.split(";")
    name, _, value = pair.partition("=")
    names = frozenset(flag.partition("=")[0].strip().lower() for flag in flags)
    return Cookie(name.strip(), value.strip(), names)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _timeout(url: str, seconds: float) -> NoAnswer:
    return NoAnswer(
        f"{shown(path_of(url))} gave no whole answer in {seconds:g} s",
        "Something listens there, but its workers hang, still boot or are all busy: "
        "`inv logs` shows what they do. castoff.smoke.timeout sets the limit.",
    )


def _no_answer(error: Exception, url: str, timeout: float) -> NoAnswer:
    """Put a transport error in words, without its own, which may repeat what was sent."""
    import httpx

    root = _root(error)
    if isinstance(error, httpx.TimeoutException):
        return _timeout(url, timeout)
    if isinstance(root, ssl.SSLError):
        return _no_trust(root, url)
    if isinstance(root, socket.gaierror):
        return NoAnswer(
            f"the host of {origin_of(url)} is not known ({root.strerror})",
            "The domain has no DNS record yet, or its name is misspelt.",
            may_come=True,
        )
    if isinstance(error, httpx.ConnectError):
        reason = getattr(root, "strerror", "") or "no connection"
        return NoAnswer(
            f"nothing answers at {origin_of(url)} ({reason.lower()})",
            "The app does not run, or listens elsewhere: `inv status` says what runs, "
            "`inv logs` why it ended.",
            may_come=True,
        )
    return NoAnswer(
        f"{shown(path_of(url))} got an answer that is broken ({type(error).__name__})",
        "The connection was cut half-way, or what listens there does not speak HTTP: a worker "
        "that was killed, or another program on this port. `inv logs` and `inv status` tell.",
    )


def _no_trust(error: ssl.SSLError, url: str) -> NoAnswer:
    host = origin_of(url).partition("://")[2]
    if not isinstance(error, ssl.SSLCertVerificationError):
        return NoAnswer(
            f"{host} cannot be spoken to over TLS ({shown(error.reason or type(error).__name__)})",
            "Something listens there, but not with TLS that this machine accepts: a plain http "
            "port, or a TLS version that is too old.",
            untrusted=True,
        )
    return NoAnswer(
        f"the certificate of {host} is not valid: {shown(error.verify_message)}",
        _WHY_UNTRUSTED.get(error.verify_code, _WHY_UNTRUSTED[20]),
        untrusted=True,
    )


# By OpenSSL's X509_V_ERR_… codes (openssl-verification-options, x509_vfy.h).
_WHY_UNTRUSTED = {
    9: "It is not valid yet: the clock of this machine is wrong, or it was made for later.",
    10: "It has expired: renewing it failed. Renew it on the platform, and look at why that "
    "did not happen by itself (often a DNS record that points elsewhere).",
    20: "No authority that this machine trusts has signed it, or the server leaves out the "
    "certificates in between. A private authority is added with SSL_CERT_FILE.",
    62: "It was made for other names: add the domain to the platform's certificate, or wait "
    "until the platform has made one.",
}


def _root(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
