"""Python's mail and news clients upgrade, log in and look around: PROTOCOL PORT CA."""

import ftplib
import imaplib
import poplib
import smtplib
import ssl
import sys

PROTOCOL, PORT, CA = sys.argv[1], int(sys.argv[2]), sys.argv[3]
WHERE = {"host": "localhost", "port": PORT, "timeout": 10}
CONTEXT = ssl.create_default_context(cafile=CA)
MAIL = "Subject: x\r\n\r\nhello\r\n"


def smtp():
    with smtplib.SMTP(**WHERE) as client:
        client.starttls(context=CONTEXT)
        client.login("ann", "secret")
        client.sendmail("a@example", ["b@example"], MAIL)
        print(sorted(client.esmtp_features))


def lmtp():
    with smtplib.LMTP("localhost", PORT) as client:
        client.starttls(context=CONTEXT)
        client.sendmail("a@example", ["b@example"], MAIL)
        print(sorted(client.esmtp_features))


def imap():
    with imaplib.IMAP4(**WHERE) as client:
        client.starttls(ssl_context=CONTEXT)
        client.login("ann", "secret")
        print(client.select("INBOX"), client.capabilities)


def pop3():
    client = poplib.POP3(**WHERE)
    client.stls(context=CONTEXT)
    client.user("ann")
    client.pass_("secret")
    print(client.stat(), client.capa())
    client.quit()


def ftp():
    with ftplib.FTP_TLS(context=CONTEXT, timeout=10) as client:
        client.connect("localhost", PORT)
        client.login("ann", "secret")
        client.prot_p()
        client.retrlines("RETR readme.txt")


def nntp():
    import nntplib

    client = nntplib.NNTP(**WHERE)
    client.starttls(CONTEXT)
    client.login("ann", "secret", False)
    print(client.getcapabilities())
    client.quit()


globals()[PROTOCOL]()
