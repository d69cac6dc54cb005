/// The built-in profiles.
public enum StandardProfiles {
    /// A mapping from name to profile, as below `profiles:` in the configuration file.
    public static let yaml = """
        # The Messenger service as it was: tokens, one-to-one chat, contacts that can only be added.
        messenger:
          authentication:
            mechanisms: [X-MESSENGER-OAUTH2]
            attempts: 1
            sasl2: off
            token-scopes: [wl.messenger]
          stanzas:
            message-types: [chat]
            from-strangers: refuse
          streams:
            malformed-text: "XmlException due to: "
            oversized: not-well-formed
          limits:
            stanza-size: 16 KiB
            idle-time: 5 min
          modules:
            disco:
              without-address: host
            session:
              optional: off
            ping: {}
            roster:
              verbs: [add]
              account-ids: on
              versions: off
            presence:
              probes: ignore
              unknown-domain: ignore
              may-unsubscribe: off
              mutual: on
              account-ids: on
              pre-approval: off
            messages:
              requests: off
            archive:
              shared: on
              bodies-only: on
            offline:
              announce: off
              bodies-only: on
            nickname: {}
            personal-message: {}
            vcard:
              writable: false
              contacts-only: true
              for-clients: on
            message-archiving:
              last: 10
            jid-lookup: {}

        # The server for any client.
        standard:
          authentication:
            mechanisms:
              - SCRAM-SHA-256-PLUS
              - SCRAM-SHA-1-PLUS
              - SCRAM-SHA-256
              - SCRAM-SHA-1
              - OAUTHBEARER
              - PLAIN
            token-scopes: [xmpp]
          modules:
            disco: {}
            caps: {}
            session: {}
            ping: {}
            roster: {}
            presence: {}
            messages: {}
            stanza-ids: {}
            archive: {}
            retraction: {}
            mam: {}
            archive-preferences: {}
            offline: {}
            stream-management: {}
            client-state: {}
            carbons: {}
            blocking: {}
            pep: {}
            pubsub: {}
            rooms: {}
            push: {}
            last-activity: {}
            private-xml: {}
            bookmarks: {}
            registration:
              new-accounts: off
            commands: {}
            invitations: {}
            nickname: {}
            personal-message: {}
            vcard: {}
            vcard4: {}
            avatars: {}
            version: {}
            time: {}
            stream-limits: {}
            client-access: {}
            http-upload: {}
        """
}
