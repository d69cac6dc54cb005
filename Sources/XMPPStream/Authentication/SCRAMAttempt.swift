import XMPP

/// One run of SCRAM on the server's side, from the client's first message on (RFC 5802 §5).
struct SCRAMAttempt {
    /// The prepared local part.
    let user: String
    let hash: SCRAMHash
    let first: SCRAMClientFirst
    /// The channel binding data that the client must prove; empty without channel binding.
    let bindingData: [UInt8]

    /// The answer to the client's first message.
    ///
    /// - Parameter announcement: The hash of what the client was offered (XEP-0474 §5.1); nil: not sent.
    func challenge(_ credential: SCRAMCredential, nonce serverNonce: String, announcement: [UInt8]?) -> Challenge {
        let nonce = first.nonce + Array(serverNonce.utf8)
        let hash = announcement.map { ",h=\(Base64.encode($0))" } ?? ""
        let parameters = ",s=\(Base64.encode(credential.salt)),i=\(credential.iterations)\(hash)"
        let serverFirst = Array("r=".utf8) + nonce + Array(parameters.utf8)
        return Challenge(
            user: user,
            credential: credential,
            nonce: nonce,
            serverFirst: serverFirst,
            transcript: first.bare + Array(",".utf8) + serverFirst + Array(",".utf8),
            channelBinding: first.header.bytes + bindingData
        )
    }

    /// A challenge, and what its answer is verified against.
    struct Challenge {
        let user: String
        let credential: SCRAMCredential
        let nonce: [UInt8]
        let serverFirst: [UInt8]
        /// The part of `AuthMessage` that is known before the client's last message.
        let transcript: [UInt8]
        let channelBinding: [UInt8]

        /// Verifies the client's last message.
        ///
        /// - Returns: The server's signature, which proves to the client that this server knows its credential.
        /// - Throws: ``SASLFailure/notAuthorized`` if the nonce, the channel binding or the proof is wrong.
        func verify(_ final: SCRAMClientFinal) throws(SASLFailure) -> [UInt8] {
            let hash = credential.hash
            let authMessage = transcript + final.withoutProof
            // All of them, whichever it is, for constant time.
            let matching = credential.keys.filter { keys in
                let clientSignature = hash.authenticationCode(for: authMessage, key: keys.storedKey)
                let clientKey = zip(final.proof, clientSignature).map { $0 ^ $1 }
                return constantTimeEquals(hash.digest(clientKey), keys.storedKey)
            }
            guard constantTimeEquals(final.nonce, nonce),
                constantTimeEquals(final.channelBinding, channelBinding),
                final.proof.count == hash.byteCount, let keys = matching.first
            else { throw .notAuthorized }
            return hash.authenticationCode(for: authMessage, key: keys.serverKey)
        }
    }
}
