"""A vendor with a real authorization server, and what talks to it."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.authserver import AuthServer
from support.vendor import vendors_of


@pytest.fixture
def server():
    with AuthServer() as running:
        running.client.redirect = "http://127.0.0.1:8000/integrations/acme/callback"
        yield running


@pytest.fixture
async def vendors(server):
    made = vendors_of(server)
    yield made
    await made.transport.close()


@pytest.fixture(scope="session")
def private_key():
    key = rsa.generate_private_key(65537, 2048)
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


@pytest.fixture
def service_key(server, private_key):
    """The key file of a service account that the server knows."""
    loaded = serialization.load_pem_private_key(private_key.encode(), None)
    shape = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    server.public_key = loaded.public_key().public_bytes(*shape).decode()
    return {
        "client_email": "robot@acme.example",
        "project_id": "acme-1",
        "private_key": private_key,
        "token_uri": f"{server.url}/token",
    }
