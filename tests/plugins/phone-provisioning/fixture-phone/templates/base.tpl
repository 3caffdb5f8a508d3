line = {{ sip_line }}
