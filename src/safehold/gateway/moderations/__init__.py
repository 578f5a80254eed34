"""OpenAI's moderation API, answered with the harm model's scores:
`routes` has the address, `categories` what is measured by what.
"""
