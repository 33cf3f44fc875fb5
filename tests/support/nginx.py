"""nginx with the configuration that the repository ships, in front of a web process."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.environment import ROOT, Environment, free_port, wait_for_port

CONFIGURATION = ROOT / "deploy/nginx.conf"


class Nginx:
    """A running nginx; its addresses and what it has logged.

    ``changes`` are further replacements in the configuration.
    """

    def __init__(
        self,
        env: Environment,
        web: str,
        *,
        telephony: str = "",
        name: str = "nginx",
        changes: Mapping[str, str] | None = None,
    ) -> None:
        self.web, self._telephony = web, telephony or web
        self._folder = env.folder / name
        self._folder.mkdir()
        self.tls_port, self.plain_port = free_port(), free_port()
        self.url = f"https://localhost:{self.tls_port}"
        self.plain_url = f"http://localhost:{self.plain_port}"
        self._write_certificate()
        configuration_file = self._folder / "nginx.conf"
        configuration_file.write_text(self._configuration(web, changes or {}))
        binary = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
        command = [binary, "-p", str(self._folder), "-e", "error.log", "-c", str(configuration_file)]
        completed = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert completed.returncode == 0, completed.stderr
        assert "[warn]" not in completed.stderr, completed.stderr
        env.spawn(name, [*command, "-g", "daemon off;"])
        wait_for_port(self.tls_port)

    def _configuration(self, web: str, changes: Mapping[str, str]) -> str:
        """The shipped file with other ports, paths, user and name."""
        text = CONFIGURATION.read_text()
        folder = self._folder
        temporary_paths = "".join(
            f"{kind}_temp_path {folder}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        for original, replacement in {
            "user www-data": f"user {pwd.getpwuid(os.geteuid()).pw_name}" if os.geteuid() == 0 else "",
            "/run/nginx.pid": f"{folder}/nginx.pid",
            "/var/log/nginx": str(folder),
            "/etc/ssl/dutyline": str(folder),
            "http {": f"http {{ {temporary_paths}",
            "listen 443": f"listen 127.0.0.1:{self.tls_port}",
            "listen 80": f"listen 127.0.0.1:{self.plain_port}",
            "server 127.0.0.1:8000": f"server {urlsplit(web).netloc}",
            "server 127.0.0.1:8008": f"server {urlsplit(self._telephony).netloc}",
            "api.example.com": "localhost",
            "/var/www/acme": str(folder),
            **changes,
        }.items():
            assert original in text, original
            text = text.replace(original, replacement)
        return text

    def _write_certificate(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        certificate = builder.sign(key, hashes.SHA256())
        (self._folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self._folder / "privkey.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def wait_for_log(self, text: str, seconds: float = 5) -> bool:
        """Whether a text is logged in time: nginx logs a request after the response."""
        deadline = time.monotonic() + seconds
        while text not in self.read_logs():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def read_logs(self) -> str:
        """Everything that nginx has logged."""
        return "".join(path.read_text() for path in sorted(Path(self._folder).glob("*.log")))
