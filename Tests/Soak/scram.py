"""SCRAM (RFC 5802, RFC 7677) as a client without channel binding; what a password costs is paid once."""

import base64
import functools
import hashlib
import hmac
import secrets


@functools.lru_cache(maxsize=None)
def _salted(algorithm, password, salt, iterations):
    return hashlib.pbkdf2_hmac(algorithm, password.encode(), salt, iterations)


class Scram:
    HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"}

    def __init__(self, mechanism, name, password):
        self.algorithm = self.HASHES[mechanism]
        self.password = password
        self.first_bare = f"n={name},r={secrets.token_hex(12)}"
        self.server_signature = None

    def first(self):
        return base64.b64encode(f"n,,{self.first_bare}".encode()).decode()

    def final(self, challenge):
        """The answer to the server's challenge, both in base64."""
        server_first = base64.b64decode(challenge).decode()
        told = dict(part.split("=", 1) for part in server_first.split(","))
        salted = _salted(self.algorithm, self.password, base64.b64decode(told["s"]), int(told["i"]))
        without_proof = f"c=biws,r={told['r']}"
        exchange = f"{self.first_bare},{server_first},{without_proof}".encode()
        client_key = self._hmac(salted, b"Client Key")
        signature = self._hmac(hashlib.new(self.algorithm, client_key).digest(), exchange)
        self.server_signature = self._hmac(self._hmac(salted, b"Server Key"), exchange)
        proof = bytes(one ^ other for one, other in zip(client_key, signature))
        return base64.b64encode(f"{without_proof},p={base64.b64encode(proof).decode()}".encode()).decode()

    def proves(self, success):
        """Whether the server knows the password, too."""
        told = base64.b64decode(success or "").decode()
        return told.startswith("v=") and base64.b64decode(told[2:]) == self.server_signature

    def _hmac(self, key, text):
        return hmac.new(key, text, self.algorithm).digest()
