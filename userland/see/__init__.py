"""Seeing inside running guests: profiles, fault reports, the debugger's stub."""
