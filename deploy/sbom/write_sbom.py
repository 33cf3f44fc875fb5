"""Writes the bill of materials of the image, in CycloneDX: Python packages and Debian packages.

``write_sbom.py PYTHON FILE``, at build time. cyclonedx-py lists the packages of an environment;
Debian's are added here, because it knows Python only.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

SCHEMA = SchemaVersion.V1_6
DPKG_FORMAT = "${Package}\t${Version}\t${Architecture}\n"


def main(python: str, file: str) -> None:
    """Write the document. Raises SystemExit if it does not fit the schema."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--sv", SCHEMA.to_version(), "-o", "-", python]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    document: dict[str, Any] = json.loads(listed)
    document["components"] += debian_components()
    text = json.dumps(document, indent=1)
    if error := JsonStrictValidator(SCHEMA).validate_str(text):
        sys.exit(f"The bill of materials does not fit its schema: {error}")
    Path(file).write_text(text)
    print(f"{len(document['components'])} components in {file}")


def debian_components() -> list[dict[str, str]]:
    """The installed Debian packages, as components of CycloneDX."""
    command = ["dpkg-query", "--show", f"--showformat={DPKG_FORMAT}"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    components = []
    for name, version, architecture in (line.split("\t") for line in lines):
        purl = f"pkg:deb/debian/{name}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={architecture}"
        components.append({"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl})
    return components


if __name__ == "__main__":
    main(*sys.argv[1:])
