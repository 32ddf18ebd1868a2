"""Ways out of the practice: e-mail by SMTP, text messages by an HTTP provider."""
