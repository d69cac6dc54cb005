import Mustache

/// The templates of all pages, compiled into the executable.
enum Templates {
    static let library: MustacheLibrary = {
        var templates: [String: MustacheTemplate] = [:]
        for (name, text) in sources {
            do {
                templates[name] = try MustacheTemplate(string: text)
            } catch {
                preconditionFailure("the template \(name) is wrong: \(error)")
            }
        }
        return MustacheLibrary(templates: templates)
    }()

    private static let sources = [
        "layout": layout, "home": home, "sign-in": signIn, "notice": notice, "consent": consent, "device": device,
        "device-consent": deviceConsent, "rights": rights, "account": account, "contacts": contacts, "delete": delete,
        "confirmation": confirmation, "rooms": rooms,
    ]

    private static let layout = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>{{title}} · {{host}}</title>
        <link rel="stylesheet" href="/style.css">
        </head>
        <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header>
        <a class="brand" href="/">{{host}}</a>
        {{#person}}
        <nav aria-label="Pages">
        {{#links}}<a href="{{path}}">{{title}}</a>{{/links}}
        </nav>
        <form method="post" action="/sign-out" class="who">
        <input type="hidden" name="form-key" value="{{formKey}}">
        <span>{{person}}</span> <button class="quiet">Sign out</button>
        </form>
        {{/person}}
        </header>
        <main id="main" tabindex="-1">
        <h1>{{title}}</h1>
        {{#notice}}<p class="done" role="status">{{notice}}</p>{{/notice}}
        {{$main}}{{/main}}
        </main>
        </body>
        </html>
        """

    private static let home = """
        {{<layout}}{{$main}}
        {{#person}}
        <ul class="tiles">
        {{#links}}<li><a href="{{path}}">{{title}}</a></li>{{/links}}
        </ul>
        {{/person}}
        {{^person}}
        <p>Sign in to look after your account and your contacts, and to see which apps you have let in.</p>
        <p><a class="button" href="/sign-in">Sign in</a></p>
        {{/person}}
        {{/main}}{{/layout}}
        """

    private static let notice = """
        {{<layout}}{{$main}}
        <p>{{text}}</p>
        {{#buttons}}<p><a class="button" href="{{path}}">{{label}}</a></p>{{/buttons}}
        {{/main}}{{/layout}}
        """

    private static let signIn = """
        {{<layout}}{{$main}}
        {{#app}}<p><strong>{{app}}</strong> wants you to sign in to {{host}}.</p>{{/app}}
        {{#problem}}<p class="problem" role="alert" id="problem">{{problem}}</p>{{/problem}}
        <form method="post" action="/sign-in">
        <input type="hidden" name="form-key" value="{{formKey}}">
        <input type="hidden" name="next" value="{{next}}">
        <label for="name">Account</label>
        <input id="name" name="name" value="{{name}}" autocomplete="username" autocapitalize="none" spellcheck="false"
        required {{^name}}autofocus{{/name}} {{#problem}}aria-describedby="problem"{{/problem}}>
        <label for="password">Password</label>
        <input id="password" name="password" type="password" autocomplete="current-password" required
        {{#name}}autofocus{{/name}}>
        <button>Sign in</button>
        </form>
        {{/main}}{{/layout}}
        """

    private static let rights = """
        <p>It asks to:</p>
        <ul class="rights">
        {{#rights}}<li>{{.}}</li>{{/rights}}
        </ul>
        <p class="note">{{until}} You can sign it out at any time on your account’s page.</p>
        """

    private static let consent = """
        {{<layout}}{{$main}}
        <p><strong>{{app}}</strong> wants to use your account <strong>{{person}}</strong>.</p>
        {{>rights}}
        <p class="note">You will be sent back to <code>{{destination}}</code>.</p>
        <form method="post" action="/oauth/authorize">
        <input type="hidden" name="form-key" value="{{formKey}}">
        {{#parameters}}<input type="hidden" name="{{name}}" value="{{value}}">
        {{/parameters}}
        <div class="choice">
        <button name="decision" value="allow">Allow</button>
        <button name="decision" value="deny" class="quiet">Do not allow</button>
        </div>
        </form>
        {{/main}}{{/layout}}
        """

    private static let device = """
        {{<layout}}{{$main}}
        <p>Type the code that your device or app shows.</p>
        {{#problem}}<p class="problem" role="alert" id="problem">{{problem}}</p>{{/problem}}
        <form method="get" action="/device">
        <label for="code">Code</label>
        <input id="code" name="code" class="code" value="{{code}}" autocomplete="off" autocapitalize="characters"
        spellcheck="false" required autofocus {{#problem}}aria-describedby="problem"{{/problem}}>
        <button>Go on</button>
        </form>
        {{/main}}{{/layout}}
        """

    private static let deviceConsent = """
        {{<layout}}{{$main}}
        <p><strong>{{app}}</strong> wants to use your account <strong>{{person}}</strong>.</p>
        <p>Go on only if your device or app shows this code now:</p>
        <p><strong class="code">{{code}}</strong></p>
        {{>rights}}
        <form method="post" action="/device">
        <input type="hidden" name="form-key" value="{{formKey}}">
        <input type="hidden" name="code" value="{{code}}">
        <div class="choice">
        <button name="decision" value="allow">Allow</button>
        <button name="decision" value="deny" class="quiet">Do not allow</button>
        </div>
        </form>
        {{/main}}{{/layout}}
        """

    private static let account = """
        {{<layout}}{{$main}}
        {{#problem}}<p class="problem" role="alert">{{problem}}</p>{{/problem}}
        <dl>
        {{#accountID}}<dt>Account</dt><dd>{{accountID}}</dd>{{/accountID}}
        <dt>Address</dt><dd><code>{{address}}</code></dd>
        </dl>

        <section aria-labelledby="profile">
        <h2 id="profile">What others see</h2>
        <form method="post" action="/account/profile">
        <input type="hidden" name="form-key" value="{{formKey}}">
        <label for="display-name">Display name</label>
        <input id="display-name" name="display-name" value="{{displayName}}" maxlength="200" autocomplete="nickname"
        dir="auto">
        <label for="personal-message">Personal message</label>
        <input id="personal-message" dir="auto" name="personal-message" value="{{personalMessage}}" maxlength="500">
        <button>Save</button>
        </form>
        <form method="post" action="/account/photo" enctype="multipart/form-data">
        <input type="hidden" name="form-key" value="{{formKey}}">
        {{#hasPhoto}}<img src="/account/photo" alt="Your photo" class="photo">{{/hasPhoto}}
        <label for="photo">Photo</label>
        <input id="photo" name="photo" type="file" accept="image/*" aria-describedby="photo-note"
        data-limit="{{photoBytes}}">
        <p class="note" id="photo-note">PNG, JPEG, GIF or WebP, up to {{photoSize}} KiB.</p>
        <div class="choice">
        <button name="action" value="set">Use this photo</button>
        {{#hasPhoto}}<a class="button quiet" href="/account/photo/remove">Remove photo</a>{{/hasPhoto}}
        </div>
        </form>
        <script type="module" src="/account/photo.js"></script>
        </section>

        <section aria-labelledby="history">
        <h2 id="history">History</h2>
        <form method="post" action="/account/history">
        <input type="hidden" name="form-key" value="{{formKey}}">
        <p>{{#keepsHistory}}A history of your conversations is kept.{{/keepsHistory}}
        {{^keepsHistory}}No history of your conversations is kept for you. What you say to somebody who keeps one is in
        theirs and yours.{{/keepsHistory}}</p>
        <div class="choice">
        {{#keepsHistory}}<button name="keep" value="off">Keep no history</button>{{/keepsHistory}}
        {{^keepsHistory}}<button name="keep" value="on">Keep a history</button>{{/keepsHistory}}
        <a class="button danger" href="/account/history/delete">Delete your history</a>
        </div>
        </form>
        </section>

        {{#uploads}}
        <section aria-labelledby="files">
        <h2 id="files">Files</h2>
        <p>The files that you have sent take {{used}} of {{quota}}.
        <progress value="{{usedBytes}}" max="{{quotaBytes}}" aria-label="Used"></progress></p>
        {{#hasFiles}}
        <ul class="list">
        {{#files}}
        <li>
        <div><a href="{{path}}">{{name}}</a>
        <p class="note">{{size}}, sent {{since}}{{#until}}, kept until {{until}}{{/until}}</p></div>
        <a class="button quiet" href="/account/files/delete?file={{id}}" aria-label="Delete {{name}}">Delete</a>
        </li>
        {{/files}}
        </ul>
        {{/hasFiles}}
        {{#next}}<p><a href="/account?files-behind={{next}}#files">Older files</a></p>{{/next}}
        </section>
        {{/uploads}}

        <section aria-labelledby="apps">
        <h2 id="apps">Apps and devices</h2>
        {{^grants}}<p>You have let no app into your account.</p>{{/grants}}
        {{#hasGrants}}
        <ul class="list">
        {{#grants}}
        <li>
        <div><strong>{{app}}</strong>{{#online}} <span class="badge">signed in now</span>{{/online}}
        <p class="note">{{rights}}.</p>
        <p class="note">Let in {{since}}, last used {{lastUse}}.</p></div>
        <form method="post" action="/account/apps">
        <input type="hidden" name="form-key" value="{{formKey}}">
        <input type="hidden" name="grant" value="{{id}}">
        <button class="quiet" aria-label="Sign out {{app}}">Sign out</button>
        </form>
        </li>
        {{/grants}}
        </ul>
        {{/hasGrants}}
        </section>

        <section aria-labelledby="password-title">
        <h2 id="password-title">Password</h2>
        <form method="post" action="/account/password">
        <input type="hidden" name="form-key" value="{{formKey}}">
        <label for="current">Present password</label>
        <input id="current" name="current" type="password" autocomplete="current-password" required>
        <label for="new">New password</label>
        <input id="new" name="new" type="password" autocomplete="new-password" minlength="8" required
        aria-describedby="new-note">
        <p class="note" id="new-note">At least 8 characters. All apps and devices are signed out.</p>
        <label for="again">New password again</label>
        <input id="again" name="again" type="password" autocomplete="new-password" minlength="8" required>
        <button>Change password</button>
        </form>
        </section>

        <section aria-labelledby="data">
        <h2 id="data">Your data</h2>
        <p>All that is kept for you, in a file:
        <a href="/account/export.xml" download>for another server (XEP-0227)</a>,
        <a href="/account/export.json" download>as JSON</a>.</p>
        <p><a class="button danger" href="/account/delete">Delete account</a></p>
        </section>
        {{/main}}{{/layout}}
        """

    private static let delete = """
        {{<layout}}{{$main}}
        <p>Your account <strong>{{person}}</strong> is removed with your contacts, your history and all that is kept for
        you. Nobody can undo this.</p>
        {{#problem}}<p class="problem" role="alert" id="problem">{{problem}}</p>{{/problem}}
        <form method="post" action="/account/delete">
        <input type="hidden" name="form-key" value="{{formKey}}">
        <label for="password">Password</label>
        <input id="password" name="password" type="password" autocomplete="current-password" required
        {{#problem}}aria-describedby="problem"{{/problem}}>
        <div class="choice">
        <button class="danger">Delete account</button>
        <a class="button quiet" href="/account">Keep it</a>
        </div>
        </form>
        {{/main}}{{/layout}}
        """

    private static let confirmation = """
        {{<layout}}{{$main}}
        <p>{{text}}</p>
        <form method="post" action="{{action}}"{{#isMultipart}} enctype="multipart/form-data"{{/isMultipart}}>
        <input type="hidden" name="form-key" value="{{formKey}}">
        {{#fields}}<input type="hidden" name="{{name}}" value="{{value}}">
        {{/fields}}
        <div class="choice">
        <button class="danger">{{button}}</button>
        <a class="button quiet" href="{{back}}">Go back</a>
        </div>
        </form>
        {{/main}}{{/layout}}
        """

    private static let rooms = """
        {{<layout}}{{$main}}
        <form method="get" action="/rooms" role="search">
        <label for="search">Search</label>
        <input id="search" name="search" type="search" value="{{search}}" maxlength="100">
        <button>Search</button>
        </form>
        {{^hasRooms}}<p>There are no such rooms.</p>{{/hasRooms}}
        {{#hasRooms}}
        <ul class="list">
        {{#rooms}}
        <li>
        <div><a href="{{link}}"><strong>{{name}}</strong></a>{{#isClosed}} <span class="badge">not for everybody</span>{{/isClosed}}
        {{#about}}<p>{{about}}</p>{{/about}}
        <p class="note"><code>{{address}}</code></p></div>
        <span>{{people}}</span>
        </li>
        {{/rooms}}
        </ul>
        {{/hasRooms}}
        {{#isMore}}<p class="note">There are more. Search for some.</p>{{/isMore}}
        {{/main}}{{/layout}}
        """

    private static let contacts = """
        {{<layout}}{{$main}}
        {{#hasInvitations}}
        <section aria-labelledby="invitations">
        <h2 id="invitations">Invitations</h2>
        <ul class="list">
        {{#invitations}}
        <li>
        <div><strong>{{name}}</strong> wants to be your contact.{{#address}}<p class="note"><code>{{address}}</code></p>{{/address}}</div>
        <form method="post" action="/contacts/answer" class="choice">
        <input type="hidden" name="form-key" value="{{formKey}}">
        <input type="hidden" name="contact" value="{{jid}}">
        <button name="answer" value="accept" aria-label="Accept {{name}}">Accept</button>
        <button name="answer" value="decline" class="quiet" aria-label="Decline {{name}}">Decline</button>
        </form>
        </li>
        {{/invitations}}
        </ul>
        </section>
        {{/hasInvitations}}
        <section aria-labelledby="contacts">
        <h2 id="contacts">Your contacts</h2>
        {{^hasContacts}}<p>You have no contacts yet.</p>{{/hasContacts}}
        {{#hasContacts}}
        <ul class="list">
        {{#contacts}}
        <li>
        <div><strong>{{name}}</strong>{{#waits}} <span class="badge">has not answered yet</span>{{/waits}}{{#address}}<p
        class="note"><code>{{address}}</code></p>{{/address}}</div>
        <a class="button quiet" href="{{link}}" aria-label="Remove {{name}}">Remove</a>
        </li>
        {{/contacts}}
        </ul>
        {{/hasContacts}}
        </section>
        {{/main}}{{/layout}}
        """
}
