"""The parts of playground.py: server.py answers this machine's browser and no one else, look.py shows what the trained
network makes of a drawing, learn.py trains another one live, page.html, page.css and page.js are what people see.
"""
